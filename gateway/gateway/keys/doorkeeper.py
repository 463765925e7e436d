"""Whether a request goes on: what it shows of who it is, and what that may do.

A key of ours is judged wherever it stands in `Authorization` (`Bearer …`) or `X-API-Key`: a good one goes on with its
rights, a wrong one is refused even where nobody needs any. Every other word there is judged only where callers without
a key may not go: by the service where the admin token is always needed, and here where ANONYMOUS closes what is open
else. Who comes without a key from a proxy that says who they are has the rights of the key that they are taken for.
"""

from pydantic import SecretStr
from starlette.types import Scope

from gateway.keys.ring import KeyRing
from gateway.keys.text import looks_like_key
from gateway.keys.usage import KeyUsage
from gateway.keys.used import UsedKeys
from gateway.limit.failed_tokens import TooManyWrongTokens, too_many
from gateway.limit.memory import MemoryLimiter
from gateway.limit.refused import Refused
from gateway.request.access import FREE, NEVER, Access, Anonymous
from gateway.request.client_address import Client
from gateway.request.shown_key import API_KEY, AUTHORIZATION, ShownKey
from shared.contracts.rights import may
from shared.http.key_holder import KeyHolder
from shared.http.problems import Problem
from shared.http.request_id import headers_by_name
from shared.service.admin_token import FOR_ALL_MODELS, RightMissing, matches
from shared.telemetry.loop_metrics import LoopCounter

CHECKS = LoopCounter("gateway_key_checks", "Keys that were shown", ["outcome"])

BEARER = b"bearer "


class KeyRequired(Problem):
    """This gateway serves nobody without a key here."""

    status = 401
    title = "Unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "This needs a key (msk_…), as Authorization: Bearer <key> or X-API-Key: <key>, "
            "or the admin token, as Authorization: Bearer <ADMIN_TOKEN> and in no other header.",
            headers={"WWW-Authenticate": 'Bearer realm="keys"'},
        )


class KeyNotValid(Problem):
    """The key is unknown, expired or revoked; which of these is nobody's business who has no other."""

    status = 401
    title = "Unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "This key is not valid: it is unknown, expired or revoked.",
            headers={"WWW-Authenticate": 'Bearer realm="keys", error="invalid_token"'},
        )


class TwoKeys(Problem):
    """Which of them counts would be anybody's guess."""

    status = 400
    title = "Bad Request"

    def __init__(self) -> None:
        super().__init__("There are two different keys in Authorization and X-API-Key; send one.")


class IdentityWithoutKey(Problem):
    """Whoever this is has had rights, and has none now: to let them go on as a stranger would be a surprise."""

    status = 403
    type = "urn:problem-type:identity-without-key"
    title = "Identity Without Key"

    def __init__(self, name: str) -> None:
        super().__init__(f"Who is signed in here is taken for the key {name}, which is not in force.")


class Doorkeeper:
    """Judges requests. `wrong_tokens` bounds how many wrong ones of a client are looked at."""

    def __init__(
        self,
        ring: KeyRing,
        used: UsedKeys,
        usage: KeyUsage,
        wrong_tokens: MemoryLimiter,
        token: SecretStr,
        mode: Anonymous,
        refused: Refused,
    ) -> None:
        self._ring, self._used, self._usage, self._wrong_tokens, self._token = ring, used, usage, wrong_tokens, token
        self._openness, self._refusals = mode.openness, refused

    def judge(self, scope: Scope, client: Client, access: Access, identity: str | None = None) -> ShownKey | None:
        """The key of a request that may go on; None: it has none, and needs none here.

        `identity`: the name of the key that a proxy's word makes its sender, who may show another. Raises KeyRequired,
        KeyNotValid, RightMissing, TwoKeys, IdentityWithoutKey, TooManyWrongTokens, KeysUnavailable.
        """
        if access is FREE:
            return None
        headers = headers_by_name(scope)
        authorization = headers.get(AUTHORIZATION)
        if authorization is not None or API_KEY in headers:
            key = shown_key(authorization, headers.get(API_KEY))
            if key is not None:
                return self._holder(key, client, access)
        if identity is not None and (taken_for := self._taken_for(identity, authorization, access)) is not None:
            return taken_for
        if self._openness < access.openness < NEVER:
            self._require_admin_token(authorization, client)
        return None

    def _holder(self, key: bytes, client: Client, access: Access) -> ShownKey:
        """Who holds a key; known ones never count as tries, however many wrong ones came from where they come from."""
        shown = self._ring.find(key)
        if shown is None:
            CHECKS.by_labels[("wrong",)] += 1
            raise self._refused(client)
        return self._with_right(shown, access)

    def _taken_for(self, name: str, authorization: bytes | None, access: Access) -> ShownKey | None:
        """The key of this name; None: what it may not do may be done with the admin token."""
        shown = self._ring.find_named(name)
        if shown is None:
            CHECKS.by_labels[("wrong",)] += 1
            raise IdentityWithoutKey(name)
        tries_token = access.openness == NEVER and authorization is not None and is_bearer(authorization)
        if tries_token and lacking(shown.holder, access) is not None:
            return None
        return self._with_right(shown, access)

    def _with_right(self, shown: ShownKey, access: Access) -> ShownKey:
        """The same, used once more. Raises RightMissing."""
        about = lacking(shown.holder, access)
        if about is not None:
            CHECKS.by_labels[("right_missing",)] += 1
            raise RightMissing(*access.rights, about=about)
        CHECKS.by_labels[("good",)] += 1
        self._used.note(shown.holder.key_id)
        self._usage.note(shown.holder.key_id, access.route_class)
        return shown

    def _require_admin_token(self, authorization: bytes | None, client: Client) -> None:
        """Lets the admin token pass; guesses are bounded, so that from then on not even the right one is looked at."""
        if authorization is None or not is_bearer(authorization):
            raise KeyRequired
        tried = self._wrong_tokens.take(client.limit_key)
        if tried is None:
            raise self._too_many(client)
        if not matches(bearer_of(authorization).decode("latin-1"), self._token):
            raise KeyNotValid
        self._wrong_tokens.give_back(client.limit_key, tried)

    def _refused(self, client: Client) -> Problem:
        """What becomes of a wrong key, which counts as a try."""
        return KeyNotValid() if self._wrong_tokens.take(client.limit_key) is not None else self._too_many(client)

    def _too_many(self, client: Client) -> TooManyWrongTokens:
        return too_many(self._wrong_tokens, self._refusals, client.limit_key)


def lacking(holder: KeyHolder, access: Access) -> str | None:
    """For what a key lacks the right: empty, for anything; None: it lacks none, as far as the gateway can know.

    Whether it is for the model that a request is about, the service knows.
    """
    if not may(holder.rights, *access.rights):
        return ""
    if holder.models and not access.by_model and holder.models_for(*access.rights) is not None:
        return FOR_ALL_MODELS
    return None


def shown_key(authorization: bytes | None, api_key: bytes | None) -> bytes | None:
    """The key among these headers, whatever word stands before it; None: what is there is none. Raises TwoKeys.

    Whoever writes `X-API-Key: Bearer msk_…` or `Authorization: msk_…` means a key: to let them go on as a stranger
    would hide that it is wrong, and take the rights and limits of a good one from them.
    """
    words = [word for value in (authorization, api_key) if value is not None for word in value.split()]
    keys = {word for word in words if looks_like_key(word)}
    if len(keys) > 1:
        raise TwoKeys
    return keys.pop() if keys else None


def is_bearer(authorization: bytes) -> bool:
    """Whether this names a token."""
    return authorization[: len(BEARER)].lower() == BEARER


def bearer_of(authorization: bytes) -> bytes:
    """The token in it."""
    return authorization[len(BEARER) :].strip()
