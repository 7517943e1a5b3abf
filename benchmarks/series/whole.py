"""The whole way: from a message at the door to its effects in other services, and to a confirmed delivery."""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from tests.system.trio import Replica
from tests.system.whole import Whole

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Failed, Load, Measure, Sample
from benchmarks.harness.process import module, output_of, talking
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers, plain
from benchmarks.harness.timing import percentile
from benchmarks.load.mllp import REF_I12
from benchmarks.ours import clinic, fresh
from simulators import webhook_receiver

INTAKE = "frame in -> referral committed in intake"
NOTICE = "frame in -> notice committed in notifications"
CONFIRMED = "frame in -> webhook confirmed"
SLOW, FAST = 50, 500
"""Messages per second."""

EFFECT_SECONDS = 30.0
"""How long after the last message everything must have had its effect."""

FIRST = Load(10, 0.5)
"""What goes before: groups are joined and statements prepared when the measured ones come."""

DELIVERED = (
    "SELECT referral_id, confirmed_at FROM notices"
    " WHERE name = 'referral_received' AND confirmed_at IS NOT NULL"
)

WATCHED = {
    INTAKE: ("intake", "referrals", "source_message_id"),
    NOTICE: ("notifications", "notices", "referral_id"),
}

Times = Mapping[str, float]


def embedded(_: Servers) -> Series:
    """Return the series of the system in one process."""
    return Series(
        name="embedded",
        title="embedded: `referral-loop serve`, one process, SQLite",
        unit="referrals",
        width="messages/s",
        spread_of="p50_ms",
        contenders=[
            Contender(INTAKE, (SLOW, FAST), lambda: _watching(INTAKE)),
            Contender(NOTICE, (SLOW,), lambda: _watching(NOTICE)),
        ],
        aims=[
            Aim("G13", Cell(INTAKE, FAST), 5, what="p50_ms", is_most=True),
            Aim("G13", Cell(INTAKE, FAST), 50, what="p99_ms", is_most=True),
        ],
        notes=[
            "From when a message was due, at a steady rate over 32 links, to the commit as another",
            "process sees it: framed, kept, acknowledged, interpreted, published, handled.",
            "G13's effect is the referral, one hop over the log; the notice is a second hop.",
        ],
    )


def confirmed(servers: Servers) -> Series:
    """Return the series of the three services."""
    return Series(
        name="delivery",
        title="delivery: three services on PostgreSQL and Kafka, a webhook that answers at once",
        unit="referrals",
        width="messages/s",
        spread_of="p50_ms",
        contenders=[Contender(CONFIRMED, (20,), lambda: _delivering(servers))],
        notes=["`referral_received`: message kept, read, referral made, notice sent, answer kept."],
    )


@asynccontextmanager
async def _watching(what: str) -> AsyncGenerator[Measure]:
    async def measure(load: Load) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            system = Whole(Path(folder))
            await system.start()
            try:
                return await _measured(system, WATCHED[what], load)
            finally:
                await system.end()

    yield measure


async def _measured(system: Whole, watched: tuple[str, str, str], load: Load) -> Sample:
    data, (service, table, column) = system.folder / "data", watched
    await clinic.register(f"{system.url}/intake", channels=["fax"], hl7_links=[clinic.LINK])
    await _until(lambda: _says(data / "emr-bridge.db", "SELECT 1 FROM links"))
    watch = module("benchmarks.load.file_watch", data / f"{service}.db", table, column)

    async def sent(one: Load, *, before: int) -> Times:
        due: Times = json.loads(await output_of(_paced(system.mllp_port, one)))
        there = f"SELECT count(*) >= {before + len(due)} FROM {table}"
        await _until(lambda: _says(data / f"{service}.db", there))
        return due

    first = await sent(FIRST, before=0)
    async with talking(watch) as watcher:
        due = await sent(load, before=len(first))
        seen: Times = json.loads(await watcher.last_word() or b"{}")
    names = dict(_asked(data / "emr-bridge.db", "SELECT control_id, id FROM messages"))
    if column == "referral_id":
        made = dict(_asked(data / "intake.db", "SELECT source_message_id, id FROM referrals"))
        names = {control_id: made[name] for control_id, name in names.items()}
    return _sample([seen[str(names[one])] - at for one, at in due.items()], load)


@asynccontextmanager
async def _delivering(servers: Servers) -> AsyncGenerator[Measure]:
    servers.kafka()
    for service in ("intake", "emr-bridge", "notifications"):
        await fresh.template(servers, service)

    async def measure(load: Load) -> Sample:
        async with AsyncExitStack() as stack:
            hook = await stack.enter_async_context(webhook_receiver.running())
            log_url = await servers.new_topics()
            environment = {"NOTIFICATIONS_WEBHOOK_ALLOW_LOOPBACK": "true"}
            of = {
                service: await stack.enter_async_context(
                    fresh.on_servers(servers, service, log_url=log_url, environment=environment)
                )
                for service in ("intake", "emr-bridge", "notifications")
            }
            facts = {"url": hook.url, "secret": hook.secret}
            await clinic.register(
                of["intake"].url, channels=["webhook"], webhook=facts, hl7_links=[clinic.LINK]
            )
            return await _confirmed(of, load)

    yield measure


async def _confirmed(of: Mapping[str, Replica], load: Load) -> Sample:
    await _until(lambda: _rows(of["notifications"], "SELECT 1 FROM clinics"))
    await _until(lambda: _rows(of["emr-bridge"], "SELECT 1 FROM links"))
    first = await _sent(of, FIRST, before=0)
    due = await _sent(of, load, before=len(first))
    names = dict(await _rows(of["emr-bridge"], "SELECT control_id, id FROM messages"))
    made = dict(await _rows(of["intake"], "SELECT source_message_id, id FROM referrals"))
    at = dict(await _rows(of["notifications"], DELIVERED))
    return _sample([at[made[names[one]]].timestamp() - began for one, began in due.items()], load)


async def _sent(of: Mapping[str, Replica], load: Load, *, before: int) -> Times:
    due: Times = json.loads(await output_of(_paced(of["emr-bridge"].mllp_port, load)))

    async def all_there() -> bool:
        return len(await _rows(of["notifications"], DELIVERED)) >= before + len(due)

    await _until(all_there)
    return due


def _paced(port: int, load: Load) -> list[str]:
    return module("benchmarks.load.paced", port, load.width, load.seconds, REF_I12)


def _sample(late: list[float], load: Load) -> Sample:
    middle, worst = 1000 * percentile(late, 0.5), 1000 * percentile(late, 0.99)
    return Sample(len(late) / load.seconds, middle, worst)


async def _rows(replica: Replica, query: str) -> list[tuple[Any, ...]]:
    url = next(v for k, v in replica.environment.items() if k.endswith("DATABASE_URL"))
    connection: Any = await asyncpg.connect(plain(url))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def _asked(file: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def _says(file: Path, query: str) -> bool:
    return any(value for row in _asked(file, query) for value in row)


async def _until(what: Callable[[], Awaitable[object]]) -> None:
    try:
        async with asyncio.timeout(EFFECT_SECONDS):
            while not await what():  # noqa: ASYNC110 - the event happens in another process
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise Failed(f"not everything had its effect within {EFFECT_SECONDS:.0f} s") from None
