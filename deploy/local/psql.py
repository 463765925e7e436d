"""`make psql`: opens the database of `make run`, or prints its URL where there is no psql. Writes nothing."""

import os
import shutil
import sys
from urllib.parse import quote

from local.errors import CannotRunError
from local.folder import StackFolder
from local.settings import LocalSettings
from local.stack import DATABASE
from shared.database.urls import for_libpq
from shared.embedded import postgres
from shared.settings.settings import load_settings

HOST = "127.0.0.1"


def main() -> int:
    """Becomes psql. The password is in no command line, where everybody could read it."""
    settings = load_settings(LocalSettings, "make psql")
    if settings.database_url is not None:
        url, secret = for_libpq(settings.database_url), {}
        command = ["psql", url]
    else:
        try:
            port, password = running_postgres(StackFolder(settings.local_dir))
        except CannotRunError as error:
            sys.stderr.write(f"make psql: {error}\n")
            return 1
        url = f"postgresql://{postgres.SUPERUSER}:{quote(password, safe='')}@{HOST}:{port}/{DATABASE}?sslmode=disable"
        secret = {"PGPASSWORD": password, "PGSSLMODE": "disable"}
        command = ["psql", "--host", HOST, "--port", str(port), "--username", postgres.SUPERUSER, DATABASE]
    if program := shutil.which("psql"):
        os.execve(program, command + sys.argv[2:], os.environ | secret)  # noqa: S606 -- psql takes our place
    sys.stdout.write(f"{url}\n")
    return 0


def running_postgres(folder: StackFolder) -> tuple[int, str]:
    """Port and password of the stack's Postgres, whatever its PORT. Raises CannotRunError when none runs there."""
    if port := folder.port_of_running_postgres():
        return port, folder.stored_passwords()[postgres.SUPERUSER]
    if folder.is_made:
        raise CannotRunError(
            f"the stack in {folder.path} does not run; start it with make run, or name another LOCAL_DIR="
        )
    raise CannotRunError(f"there is no stack in {folder.path}; make one with make run, or name another LOCAL_DIR=")
