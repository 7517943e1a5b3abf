"""Opens what a system has left, for commands that look at it: where nothing has run they make no file."""

from collections.abc import AsyncGenerator, Container, Iterable
from contextlib import asynccontextmanager

from common.eventlog.open import open_log
from common.eventlog.port import EventLog
from common.settings import SharedSettings
from embedded.cli import late
from embedded.cli.output import NOTHING_TO_DO, fail
from embedded.places import Kept, databases


def event_log() -> EventLog:
    """Return the event log; where its file is not, leave with a sentence."""
    shared = SharedSettings()
    _check(_log(shared))
    return open_log(shared)


@asynccontextmanager
async def beside_its_log() -> "AsyncGenerator[late.system.System]":
    """Open the system to ask its log; where the log's file is not, leave with a sentence."""
    shared = SharedSettings()
    _check(_log(shared))
    async with _composed(shared).opened(migrate=False) as system:
        yield system


@asynccontextmanager
async def with_databases(services: Container[str]) -> "AsyncGenerator[late.system.System]":
    """Open the system to ask the databases of these services; where a file is not, as above."""
    shared = SharedSettings()
    _check(databases(shared, services))
    async with _composed(shared).opened(migrate=False) as system:
        yield system


def _composed(shared: SharedSettings) -> "late.system.System":
    return late.system.compose(late.system.Overrides(), shared=shared)


def _log(shared: SharedSettings) -> list[Kept]:
    return [Kept("event log", shared.log_file)] if shared.log_file else []


def _check(wanted: Iterable[Kept]) -> None:
    missing = next((one for one in wanted if not one.file.exists()), None)
    if missing is not None:
        told = f"there is no {missing.what} at {missing.file.absolute()}"
        raise fail(f"{told}: nothing has run here, or DATA_DIR is another", code=NOTHING_TO_DO)
