"""Alembic's environment: it runs the revisions on the connection that it is lent, inside its transaction."""

from alembic import context

from storage.schema import VERSION_TABLE, metadata

# Optuna keeps "alembic_version" in the same database: our version has a table of its own.
context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
