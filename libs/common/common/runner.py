"""Starts services, keeps their loops alive, and stops them in an order in which nothing is lost.

One service alone (production) or several under one roof (embedded): the same code.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from common import logs, metrics, migrations, outbox
from common.auth import BearerToken, check_exposure
from common.backoff import exponential
from common.clock import Clock, accelerated
from common.consumer import Consumer
from common.database import Database
from common.errors import Misconfigured
from common.eventlog.open import open_log
from common.eventlog.port import EventLog
from common.sealing import Sealer, new_key, parse_keys
from common.service import Runtime, Service
from common.settings import ServiceSettings, SharedSettings
from common.worker import Worker, poll

log = structlog.get_logger()

RELAY_SECONDS = 1.0
"""How often the relay looks without being woken: the net under the wake-up."""

DRAIN_SECONDS = 10.0
"""How long a stop may take before open connections are cut."""

Build = Callable[[ServiceSettings, Runtime], Service]


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the runner decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def sealer_from(settings: SharedSettings) -> Sealer:
    """Return the sealer for the configured keys; embedded mode makes and keeps a key of its own.

    Raises Misconfigured when the event log is shared (Kafka) and no key is given.
    """
    if settings.sealing_keys is not None:
        return Sealer(parse_keys(settings.sealing_keys.get_secret_value()))
    if settings.event_log_url and not settings.event_log_url.startswith("sqlite"):
        raise Misconfigured("SEALING_KEYS must be set when services share a log over the network")
    path = settings.data_dir / "sealing.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(new_key("embedded-1"))
    return Sealer(parse_keys(path.read_text()))


def open_runtime(
    name: str,
    settings: ServiceSettings,
    shared: SharedSettings,
    *,
    log: EventLog,
    clock: Clock | None = None,
) -> Runtime:
    """Open a service's database as the settings say, beside a log that is open already."""
    file = f"sqlite+aiosqlite:///{shared.data_dir / name}.db"
    return Runtime(
        db=Database(settings.database_url or file),
        log=log,
        sealer=sealer_from(shared),
        clock=clock or accelerated(shared.clock_speed),
    )


def main(name: str, settings: ServiceSettings, build: Build) -> None:
    """Run one service until it is told to stop."""
    shared = SharedSettings()
    logs.configure(level=shared.log_level, form=shared.log_format)
    check_exposure(settings.host, settings.api_token)
    runtime = open_runtime(name, settings, shared, log=open_log(shared))
    service = build(settings, runtime)
    if settings.api_token:
        service.api.add_middleware(BearerToken, token=settings.api_token)
    embedded = runtime.db.is_sqlite
    asyncio.run(
        run([service], service.api, host=settings.host, port=settings.port, migrate=embedded)
    )


async def run(
    services: Sequence[Service],
    api: ASGIApp,
    *,
    host: str,
    port: int,
    migrate: bool,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`; then drain: no new work, finish what began, close."""
    stop = stop or asyncio.Event()
    async with opened(services, migrate=migrate), _signals(stop):
        loops = [
            asyncio.create_task(_supervised(service, worker), name=f"{service.name}:{worker.name}")
            for service in services
            for worker in workers_of(service)
        ]
        server = QuietServer(_config(api, host, port))
        serving = asyncio.create_task(server.serve(), name="http")
        log.info("started", host=host, port=port)
        await asyncio.wait(
            [serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        log.info("draining")
        for service in services:
            service.api.state.draining = True
        server.should_exit = True
        await _cancel(loops)
        await serving
    log.info("stopped")


def workers_of(service: Service) -> list[Worker]:
    """Return every loop of a service: its own, the relay of its outbox, and its consumer."""
    runtime = service.runtime

    async def relay() -> None:
        async def step() -> bool:
            more = await outbox.drain(runtime.db, runtime.log)
            if more:
                metrics.outbox_published.labels(service.name).inc()
            return more

        await poll(step, wake=runtime.db.committed, every=RELAY_SECONDS)

    loops = [Worker("relay", relay), *service.workers]
    if service.handlers:
        consumer = Consumer(
            service.name, service.topics, service.handlers, runtime.db, runtime.clock
        )
        loops.append(Worker("consumer", lambda: consumer.run(runtime.log)))
    return loops


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


def _config(api: ASGIApp, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        api,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(DRAIN_SECONDS),
    )


async def _supervised(service: Service, worker: Worker) -> None:
    """Run a worker again, later each time, whenever it raises; a restart is counted and logged."""
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await worker.run()
        except Exception as error:
            failures = 1 if loop.time() - began > 60 else failures + 1
            wait = exponential(failures).total_seconds()
            metrics.worker_restarts.labels(service.name, worker.name).inc()
            told = {"service": service.name, "worker": worker.name, "attempts": failures}
            log.warning("worker_failed", seconds=wait, exc_info=error, **told)
            await asyncio.sleep(wait)
        else:
            return


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=DRAIN_SECONDS) if tasks else None


@contextlib.asynccontextmanager
async def _signals(stop: asyncio.Event) -> AsyncGenerator[None]:
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
