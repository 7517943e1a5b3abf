"""Starts services, keeps their loops alive, and stops them in an order in which nothing is lost.

One service alone (production) or several under one roof (embedded): the same code.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from typing import Any, TypeVar

import structlog
import uvicorn
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from common import (
    garbage,
    gauges,
    logs,
    migrations,
    relay,
    retention,
    supervision,
    unknown_settings,
)
from common.auth import BearerToken, check_exposure
from common.clock import Clock, accelerated
from common.consumer import Consumer
from common.database import Database
from common.errors import Misconfigured, Retry
from common.eventlog.open import open_log
from common.eventlog.port import EventLog
from common.gauges import Gauges
from common.keys import sealer_from
from common.migrations import Revision
from common.service import Runtime, Service
from common.settings import ServiceSettings, SharedSettings
from common.tracing_otlp import exporting
from common.worker import Worker

if sys.platform == "win32":
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

log = structlog.get_logger()

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps the loop from going on, where 5 ms is Python's default."""

DRAIN_SECONDS = 10.0
"""How long each part of a stop may take: loops to end, open requests to be answered."""

Own = TypeVar("Own", bound=ServiceSettings)
"""The settings of one service."""


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the runner decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def open_runtime(
    name: str,
    settings: ServiceSettings,
    shared: SharedSettings,
    *,
    log: EventLog,
    clock: Clock | None = None,
) -> Runtime:
    """Open a service's database as the settings say, beside a log that is open already."""
    file = f"sqlite+aiosqlite:///{shared.database_file(name)}"
    return Runtime(
        db=Database(settings.database_url or file),
        log=log,
        sealer=sealer_from(shared),
        clock=clock or accelerated(shared.clock_speed, began=shared.clock_began),
    )


def main(name: str, kind: type[Own], build: Callable[[Own, Runtime], Service]) -> None:
    """Run one service until it is told to stop; with the argument `migrate` only bring its database up to date.

    Exits with a sentence where it must not start.
    """
    try:
        settings, shared = kind(), SharedSettings()
        logs.configure(level=shared.log_level, form=shared.log_format)
        unknown_settings.warn([kind, SharedSettings])
        check_exposure(settings.host, settings.api_token)
        service = build(settings, open_runtime(name, settings, shared, log=open_log(shared)))
        if settings.api_token:
            service.api.add_middleware(BearerToken, token=settings.api_token, service=name)
        if sys.argv[1:] == ["migrate"]:
            until_stopped(_migrate(service))
        else:
            until_stopped(_serve_alone(service, settings))
    except Misconfigured as error:
        sys.exit(f"{name}: {error}")
    except ValidationError as error:  # its own words would show what was set
        prefix = str(kind.model_config["env_prefix"]) if error.title == kind.__name__ else ""
        names = (".".join(map(str, fault["loc"])).upper() for fault in error.errors())
        wrong = ", ".join(f"{prefix}{name}" for name in names)
        sys.exit(f"{name}: settings that cannot be used: {wrong}")


async def _migrate(service: Service) -> None:
    async with opened([service], migrate=True):
        log.info("migrated", service=service.name)


async def _serve_alone(service: Service, settings: ServiceSettings) -> None:
    embedded = service.runtime.db.is_sqlite
    revision = Revision(service.runtime.db, service.name, service.migrations)
    service.api.state.checks["schema"] = revision.check
    await run([service], service.api, host=settings.host, port=settings.port, migrate=embedded)


def until_stopped(running: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of its own; a task that will not be cancelled does not keep the process.

    Files that it makes are for its own user only: they hold patients' data.
    """
    os.umask(0o077)
    sys.setswitchinterval(SWITCH_SECONDS)
    garbage.look_through_less()

    async def bounded() -> None:
        await running
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if await supervision.cancel(left, seconds=1.0):
            os._exit(os.EX_SOFTWARE)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(bounded())


async def run(
    services: Sequence[Service],
    api: ASGIApp,
    *,
    host: str,
    port: int,
    migrate: bool,
    stop: asyncio.Event | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`; then drain: no new work, finish what began, close.

    Raises Misconfigured when the port is taken.
    """
    stop = stop or asyncio.Event()
    async with exporting(), opened(services, migrate=migrate), _signals(stop):
        for service in services:
            service.api.state.gauges = gauges_of(service)
            service.api.state.stuck = service.stuck
        listener = _listen(host, port)
        server = QuietServer(_config(api, drain_seconds))
        relays = [supervision.start(service, relay.relay_of(service)) for service in services]
        loops = [
            supervision.start(service, worker)
            for service in services
            for worker in loops_of(service)
        ]
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        log.info("started", host=host, port=listener.getsockname()[1])
        try:
            await _first(serving, stop)
        finally:
            log.info("draining")
            for service in services:
                service.api.state.draining = True
            server.should_exit = True
            await supervision.cancel(loops, seconds=drain_seconds)
            await serving
            await supervision.cancel(relays, seconds=drain_seconds)
            await _publish_the_rest(services, seconds=drain_seconds)
    log.info("stopped")


async def _first(serving: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Wait until told to stop, or until the server ends by itself."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Misconfigured(f"cannot listen on {host} port {port}: {error.strerror}") from error


def gauges_of(service: Service) -> Gauges:
    """Return what is read of a service when Prometheus asks: its own, and what all have."""
    runtime = service.runtime
    measures = (
        gauges.of_tables(runtime.db, runtime.clock, [gauges.shared(service.name)]),
        gauges.lag(runtime.log, service.name, service.topics),
        gauges.room(service.name, runtime.db),
    )
    return Gauges(service.name, [*measures, *service.gauges])


def loops_of(service: Service) -> list[Worker]:
    """Return every other loop of a service: its own workers, its consumer, its housekeeping."""
    runtime = service.runtime
    loops = [*service.workers, Worker("housekeeping", lambda: retention.keep_house(runtime))]
    if service.handlers:
        consumer = Consumer(
            service.name,
            service.topics,
            service.handlers,
            runtime.db,
            runtime.clock,
            gives_way=service.gives_way and runtime.db.is_sqlite,
        )
        loops.append(Worker("consumer", lambda: consumer.run(runtime.log)))
    return loops


async def _publish_the_rest(services: Sequence[Service], *, seconds: float) -> None:
    """Bring what the last requests left to the log; what does not get there waits in the outbox."""
    for service in services:
        try:
            async with asyncio.timeout(seconds):
                await relay.publish_the_rest(service)
        except (TimeoutError, Retry, SQLAlchemyError) as error:
            log.warning("outbox_left", service=service.name, error_class=type(error).__name__)


@contextlib.asynccontextmanager
async def opened(services: Sequence[Service], *, migrate: bool) -> AsyncGenerator[None]:
    """Bring the databases to the newest revision if told to; close everything at the end."""
    try:
        for service in services:
            if migrate:
                await migrations.upgrade(service.runtime.db, service.migrations)
        yield
    finally:
        for service in services:
            await service.runtime.db.close()
        for event_log in {id(s.runtime.log): s.runtime.log for s in services}.values():
            await event_log.close()


def _config(api: ASGIApp, drain_seconds: float) -> uvicorn.Config:
    """Return uvicorn's part: no lifespan (a mounted app's would never run; the runner opens and closes)."""
    return uvicorn.Config(
        api,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(drain_seconds)),
    )


@contextlib.asynccontextmanager
async def _signals(stop: asyncio.Event) -> AsyncGenerator[None]:
    """Stop on SIGTERM and SIGINT; outside the main thread a loop has no say in them, and needs none."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, RuntimeError):
                loop.remove_signal_handler(number)
