"""`python -m embedded.drafting SERVICE "what changes"`: drafts a migration for a person to read."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from common import migrations
from common.settings import SharedSettings
from embedded.system import Overrides, compose


async def draft(name: str, message: str) -> None:
    """Compare a service's tables with its history on a fresh database, and write the difference."""
    with tempfile.TemporaryDirectory() as folder:
        shared = SharedSettings(data_dir=Path(folder))
        async with compose(Overrides(), shared=shared).opened() as system:
            service = next(s for s in system.services if s.name == name)

            def write(connection: Connection) -> None:
                configuration = migrations.configuration(service.migrations, connection)
                command.revision(configuration, message=message, autogenerate=True)

            await migrations.upgrade(service.runtime.db, service.migrations)
            async with service.runtime.db.begin() as tx:
                await tx.run_sync(write)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not all(sys.argv[1:]):
        sys.exit('usage: make migration s=intake m="what changes"')
    asyncio.run(draft(sys.argv[1], sys.argv[2]))
