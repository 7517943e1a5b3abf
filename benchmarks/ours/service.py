"""A service with the shared tables and nothing else: relay and consumer are measured on it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from tests.system.trio import KEYS

from common import logs
from common.database import Database
from common.eventlog.open import open_log
from common.keys import sealer_from
from common.service import Runtime, Service
from common.settings import SharedSettings
from common.tables import shared


@asynccontextmanager
async def bare(database_url: str, log_url: str) -> AsyncGenerator[Service]:
    """Make the tables in an empty database and give the service."""
    logs.configure(level="warning", form="json")
    settings = SharedSettings.model_validate({"event_log_url": log_url, "sealing_keys": KEYS})
    log, db = open_log(settings), Database(database_url)
    await db.create_all(shared)
    runtime = Runtime(db=db, log=log, sealer=sealer_from(settings))
    try:
        yield Service(name="bare", api=FastAPI(), runtime=runtime, migrations="")
    finally:
        await db.close()
        await log.close()
