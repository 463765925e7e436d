"""Where settings come from: the environment and files that it names, `.env` and files that it names.

The spaces that copying leaves are no part of a value.

An empty variable counts as not set, because Compose passes `NAME=` for a variable that is not there. An empty *file*
stops the start: whoever names a file means what is in it.
"""

import errno
import os
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from shared.settings.opening import without_waiting


class SecretFileError(ValueError):
    """A NAME_FILE that points to nothing readable, or to nothing."""


MOST_BYTES = 1 << 20
"""Of a secret."""


class Trimmed(PydanticBaseSettingsSource):
    """Another source without the spaces around its values, and without the values of which nothing is left.

    Except for those of `emphatic`: where an empty value could be meant to switch something off, it is not ignored.
    """

    def __init__(
        self, settings_cls: type[BaseSettings], source: PydanticBaseSettingsSource, emphatic: frozenset[str]
    ) -> None:
        super().__init__(settings_cls)
        self._source, self._emphatic = source, emphatic

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """As the other source has it."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        """Every field that is set to something."""
        found = {name: value.strip() if isinstance(value, str) else value for name, value in self._source().items()}
        return {name: value for name, value in found.items() if value != "" or name in self._emphatic}


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the variable NAME from the file that NAME_FILE points to, as Docker and Swarm hand out secrets.

    Both are variables of the same `source`: the environment, or `.env`.
    """

    def __init__(self, settings_cls: type[BaseSettings], source: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables = source.env_vars

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file, or None when NAME_FILE is not set.

        Raises SecretFileError when the file cannot be read or nothing is in it.
        """
        variable = f"{field_name.upper()}_FILE"
        path = (self._variables.get(variable.lower()) or "").strip()
        if not path:
            return None, field_name, False
        try:
            content = secret_in(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SecretFileError(f"{variable}: cannot read {path}: {reason(error)}") from error
        if not content:
            raise SecretFileError(f"{variable}: {path} is empty")
        return content, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every field whose NAME_FILE is set."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def check_dotenv(path: Path) -> None:
    """Raises ValueError with the place of what cannot be read in a `.env`; where there is none, all is well.

    What is in a pipe is not looked at before it is used: it can be read once.
    """
    if not path.exists() or path.is_fifo():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {reason(error)}") from error
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            part = binding.original
            blank_lines_before = part.string[: len(part.string) - len(part.string.lstrip())].count("\n")
            raise ValueError(f"{path}: line {part.line + blank_lines_before} is not of the form NAME=value")


def secret_in(path: Path | str) -> str:
    """What is in a file, without the line end of an editor.

    A pipe that a shell made is read to its end; one to which nobody writes is empty.
    """
    with open(path, "rb", opener=without_waiting) as file:
        os.set_blocking(file.fileno(), True)
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES:,} bytes")
    return content.decode("utf-8-sig").strip()


def reason(error: Exception) -> str:
    """Why a file could not be used, in the system's own words."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
