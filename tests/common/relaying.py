"""A replica's relay as a process of its own, for the tests that kill it; prints when it has the turn."""

import asyncio
import sys
from pathlib import Path

from fastapi import FastAPI
from tests.common.sample import metadata

from common import logs, supervision
from common.database import Database
from common.eventlog.sqlite import SqliteEventLog
from common.relay import relay_of
from common.sealing import Sealer
from common.service import Runtime, Service


def service_on(db: Database, log: SqliteEventLog) -> Service:
    """Return a service of which the relay needs nothing but database and log."""
    runtime = Runtime(db=db, log=log, sealer=Sealer({"none": bytes(32)}))
    return Service("sample", FastAPI(), runtime, "none")


async def main(url: str, file: str) -> None:
    logs.configure(level="info", form="json")
    service = service_on(Database(url), SqliteEventLog(Path(file)))
    await supervision.start(service, relay_of(service))


if __name__ == "__main__":
    assert metadata.tables
    asyncio.run(main(*sys.argv[1:]))
