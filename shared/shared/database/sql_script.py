"""Several SQL statements in one piece of text, function bodies included, as migrations need them."""

from sqlalchemy import Connection


def run_script(connection: Connection, script: str) -> None:
    """Runs `script` within the connection's transaction; only Postgres takes it apart."""
    connection.connection.run_async(lambda driver: driver.execute(script))
