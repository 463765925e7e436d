"""What the services behind the gateway can be told, besides what all can."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.settings.settings import ServiceSettings

LOCALHOST = "localhost"
"""What requests over a Unix socket are for: HTTP wants a name, and every service that has one answers to this."""

MAX_SOCKET_BYTES = 103
"""Of a path: macOS takes no longer one, Linux four more."""


def usable_socket(path: Path | None) -> Path | None:
    """Raises ValueError for a path that no socket can have."""
    if path is None:
        return None
    if len(os.fsencode(path.absolute())) > MAX_SOCKET_BYTES:
        raise ValueError(f"is longer than {MAX_SOCKET_BYTES} bytes with the folder that it lies in")
    if is_something_else(path):
        raise ValueError("is there already, and no socket")
    return path


def is_something_else(path: Path) -> bool:
    """Whether what is there must stay there: no process has left it as its socket."""
    return os.path.lexists(path) and not path.is_socket()


class SettingsBehindTheGateway(ServiceSettings):
    """Of the prediction-, metrics- and analytics-service."""

    unix_socket: Annotated[Path | None, AfterValidator(usable_socket)] = Field(
        None, description="Unix socket to listen on as well as on PORT, for a gateway on the same machine"
    )

    def check_machine(self) -> None:
        """Raises ValueError where no socket can be made."""
        super().check_machine()
        if self.unix_socket is not None and not os.access(self.unix_socket.parent, os.W_OK | os.X_OK):
            raise ValueError(f"UNIX_SOCKET: {self.unix_socket.parent} is no folder that this user may write to")
