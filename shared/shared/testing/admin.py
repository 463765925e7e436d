"""The admin token of all tests: settings read it from the environment, clients send it; and holders of keys."""

from shared.contracts.rights import Right
from shared.http.key_holder import KeyHolder, sealed

TOKEN = "admin-token-of-the-tests"  # noqa: S105 -- it opens nothing but what tests have started
ADMIN = {"Authorization": f"Bearer {TOKEN}"}


def held(key_id: str, *rights: Right) -> dict[str, str]:
    """What the gateway tells a service of who has shown this key."""
    return {"X-Key-Holder": sealed(KeyHolder(key_id, frozenset(rights)), TOKEN).decode()}
