"""Alembic's way in: migrations run over the connection that `shared.database.migrate` opened, in its transaction."""

from alembic import context

from shared.database.tables import gateway, keys, metadata, metrics, predictions, rollouts, rollups  # noqa: F401 - they register tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    transactional_ddl=True,
)
context.run_migrations()
