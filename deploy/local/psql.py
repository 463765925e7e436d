"""`make psql`: opens the database of `make run`, or prints its URL where there is no psql."""

import os
import shutil
import sys
from urllib.parse import quote

from local.folder import StackFolder
from local.ports import store_ports
from local.settings import LocalSettings
from local.stack import DATABASE
from shared.database.urls import for_libpq
from shared.embedded import postgres
from shared.runtime.settings import load_settings


def main() -> None:
    """Becomes psql. The password is in no command line, where everybody could read it."""
    settings = load_settings(LocalSettings, "make psql")
    if settings.database_url is not None:
        url, secret = for_libpq(settings.database_url), {}
        command = ["psql", url]
    else:
        password = StackFolder(settings.local_dir).passwords()[postgres.SUPERUSER]
        host, port = "127.0.0.1", store_ports(settings)["postgres"]
        url = f"postgresql://{postgres.SUPERUSER}:{quote(password, safe='')}@{host}:{port}/{DATABASE}?sslmode=disable"
        secret = {"PGPASSWORD": password, "PGSSLMODE": "disable"}
        command = ["psql", "--host", host, "--port", str(port), "--username", postgres.SUPERUSER, DATABASE]
    program = shutil.which("psql")
    if program is None:
        sys.stdout.write(f"{url}\n")
        return
    os.execve(program, command + sys.argv[1:], os.environ | secret)  # noqa: S606 -- psql takes our place


if __name__ == "__main__":
    main()
