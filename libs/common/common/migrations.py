"""Alembic for a service's own database: upgraded at start when embedded, by command otherwise."""

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData

from common.database import Database


async def upgrade(db: Database, package: str, *, revision: str = "head") -> None:
    """Bring the database to a revision; `package` is such as `intake.migrations`."""
    async with db.begin() as tx:
        await tx.run_sync(_run, package, revision)


def _run(connection: Connection, package: str, revision: str) -> None:
    command.upgrade(configuration(package, connection), revision)


def configuration(package: str, connection: Connection) -> Config:
    """Return Alembic's configuration for a service's history on an open connection."""
    config = Config()
    config.set_main_option("script_location", package.replace(".", ":", 1).replace(".", "/"))
    config.attributes["connection"] = connection
    return config


def run_env(metadata: MetaData) -> None:
    """Do what a service's `env.py` has to do: run the migrations on the connection that was given."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=False,
    )
    context.run_migrations()
