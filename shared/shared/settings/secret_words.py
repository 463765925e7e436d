"""Secrets among the settings: which they are, and what may be one."""

import re
from typing import Annotated, get_args

from pydantic import AfterValidator, SecretStr
from pydantic_settings import BaseSettings

FEWEST_CHARACTERS = 16
"""Of the admin token: at twenty wrong ones a minute and client nobody guesses a random one."""

HEADER_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=\s*[\x20-\x7e]*")
"""A name that HTTP allows, and printable ASCII."""


def long_enough(token: SecretStr) -> SecretStr:
    """Raises ValueError for a token that is short, or that no HTTP header can carry as it is."""
    value = token.get_secret_value()
    if len(value) < FEWEST_CHARACTERS:
        raise ValueError(f"must have at least {FEWEST_CHARACTERS} characters")
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be of printable ASCII characters without spaces")
    return token


AdminToken = Annotated[SecretStr, AfterValidator(long_enough)]
"""What whoever changes something for others must send."""


def header_list(headers: SecretStr | None) -> SecretStr | None:
    """Raises ValueError for what is no list of header fields: the library would leave those out without a word."""
    for field in headers.get_secret_value().split(",") if headers else ():
        if not HEADER_FIELD.fullmatch(field.strip()):
            raise ValueError("must be name=value, with commas between several")
    return headers


OtlpHeaders = Annotated[SecretStr | None, AfterValidator(header_list)]
"""Header fields as OpenTelemetry lists them; a comma in a value is %2C."""


def secrets_of(settings: type[BaseSettings]) -> set[str]:
    """The variables of these settings that hold a secret, without their `_FILE` forms."""
    return {name.upper() for name, field in settings.model_fields.items() if holds_a_secret(field.annotation)}


def holds_a_secret(annotation: object) -> bool:
    """Whether a type is SecretStr, or a union or an annotated form of it."""
    return annotation is SecretStr or any(map(holds_a_secret, get_args(annotation)))
