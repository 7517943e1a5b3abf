import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from sqlalchemy import insert
from tests.common.sample import (
    NOON,
    TOPIC,
    count,
    happened,
    metadata,
    note,
    noted,
    tell,
)

from common import inbox, keys, retention, runner, supervision, tables
from common.consumer import STORM
from common.dependencies import Tx
from common.errors import Misconfigured, SetAside
from common.events.emr import MessageReceived
from common.http import create_api
from common.ids import new_id
from common.service import Service
from common.settings import SharedSettings
from common.worker import Worker

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(supervision, "exponential", lambda *_, **__: NOON - NOON)


@pytest.fixture
def make_service(runtime_of):
    async def make(name, **given) -> Service:
        runtime = await runtime_of(metadata)
        api = create_api(name, title=name, description="", runtime=runtime)
        return Service(name, api, runtime, "none", **given)

    return make


class Running:
    """Services that run on a port of their own until left."""

    def __init__(self, *services: Service, drain_seconds: float = 2) -> None:
        self.services, self.port, self.stop = services, free_port(), asyncio.Event()
        self.drain_seconds = drain_seconds

    async def __aenter__(self) -> httpx2.AsyncClient:
        outer = FastAPI()
        for service in self.services:
            outer.mount(f"/{service.name}", service.api)
        self.task = asyncio.create_task(
            runner.run(
                self.services,
                outer,
                host="127.0.0.1",
                port=self.port,
                migrate=False,
                stop=self.stop,
                drain_seconds=self.drain_seconds,
            )
        )
        self.http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}")
        async with asyncio.timeout(10):
            while not self.task.done():
                try:
                    await self.http.get(f"/{self.services[0].name}/livez")
                    break
                except httpx2.ConnectError:
                    await asyncio.sleep(0.02)
        return self.http

    async def __aexit__(self, *_) -> None:
        await self.http.aclose()
        self.stop.set()
        await asyncio.wait_for(self.task, 20)


async def until(what, seconds=5.0):
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - what is waited for may be another process
            await asyncio.sleep(0.01)


async def test_what_one_service_tells_the_other_handles(make_service):
    teller = await make_service("teller")
    reader = await make_service("reader", handlers={MessageReceived: note}, topics=[TOPIC])
    async with Running(teller, reader) as http:
        assert (await http.get("/teller/readyz")).status_code == 200
        assert (await http.get("/reader/readyz")).status_code == 200
        await tell(teller.runtime.db, happened("1"), happened("2"))

        async def arrived() -> bool:
            return await noted(reader.runtime.db) == ["1", "2"]

        await until(arrived)


async def test_a_worker_that_raises_is_started_again_and_counted(make_service, quick):
    runs = 0

    async def fails_twice() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("ZZTESTLAST")
        await asyncio.Event().wait()

    service = await make_service("s", workers=[Worker("shaky", fails_twice)])
    labels = {"service": "s", "worker": "shaky"}
    before = REGISTRY.get_sample_value("referral_worker_restarts_total", labels) or 0
    async with Running(service):

        async def third() -> bool:
            return runs == 3

        await until(third)
    assert REGISTRY.get_sample_value("referral_worker_restarts_total", labels) == before + 2


async def test_readyz_tells_where_a_storm_of_dead_letters_halted_a_reader(make_service):
    """Callers are not sent away for it: what they hand over is kept, and waits."""

    async def bad(tx, event, now) -> None:
        raise SetAside("bad_deploy", "ZZTESTLAST")

    service = await make_service("stormy", handlers={MessageReceived: bad}, topics=[TOPIC])
    async with Running(service) as http:
        await tell(service.runtime.db, *(happened(str(n)) for n in range(STORM + 5)))

        async def halted() -> bool:
            return "stuck" in (await http.get("/stormy/readyz")).json()

        await until(halted, 10)
        answer = await http.get("/stormy/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    why = answer.json()["stuck"]["consumer"]
    assert why.startswith("DeadLetterStorm: 20 records in a row were set aside; the next is ")
    assert f"{TOPIC}/0@" in why
    assert why.endswith("(bad_deploy)")
    labels = {"service": "stormy", "worker": "consumer"}
    assert REGISTRY.get_sample_value("referral_worker_stuck", labels) == 1


async def test_readyz_tells_of_a_loop_that_fails_again_and_again_until_it_gets_on(
    make_service, quick, monkeypatch
):
    monkeypatch.setattr(supervision, "STEADY_SECONDS", 0.3)
    runs = 0

    async def recovers() -> None:
        nonlocal runs
        runs += 1
        if runs <= supervision.STUCK_FAILURES:
            raise ValueError("ZZTESTLAST")
        await asyncio.Event().wait()

    service = await make_service("s", workers=[Worker("shaky", recovers)])
    async with Running(service) as http:

        async def told(wanted) -> bool:
            return bool((await http.get("/s/readyz")).json().get("stuck") == wanted)

        await until(lambda: told({"shaky": "ValueError"}))
        await until(lambda: told(None))
    labels = {"service": "s", "worker": "shaky"}
    assert REGISTRY.get_sample_value("referral_worker_stuck", labels) == 0


async def test_a_worker_that_waited_for_something_cancelled_is_started_again(make_service, quick):
    """INVARIANT: only a stop ends a worker. Broken by taking any CancelledError for our own."""
    runs = 0

    async def waits_for_a_cancelled_thing() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future
        await asyncio.Event().wait()

    service = await make_service("s", workers=[Worker("w", waits_for_a_cancelled_thing)])
    async with Running(service):

        async def second() -> bool:
            return runs == 2

        await until(second)


async def test_a_worker_that_ends_by_itself_is_left_alone(make_service):
    runs = 0

    async def once() -> None:
        nonlocal runs
        runs += 1

    async with Running(await make_service("s", workers=[Worker("once", once)])):
        await asyncio.sleep(0.1)
    assert runs == 1


async def test_a_stop_lets_workers_clean_up_and_closes_the_databases(make_service):
    told = []

    async def tidy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            told.append("tidy")

    service = await make_service("s", workers=[Worker("tidy", tidy)])
    async with Running(service):
        pass
    assert told == ["tidy"]
    assert service.runtime.db._engine.pool.checkedin() == 0
    assert service.api.state.draining is True


async def test_a_worker_that_will_not_end_does_not_hold_up_the_stop(make_service):
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    service = await make_service("s", workers=[Worker("stubborn", stubborn)])
    loop = asyncio.get_running_loop()
    async with Running(service, drain_seconds=0.2):
        began = loop.time()
    assert loop.time() - began < 5
    release.set()
    await asyncio.sleep(0)


async def test_a_request_that_began_is_answered_and_its_event_published_before_the_end(
    make_service,
):
    """INVARIANT: a stop loses nothing that was begun. Broken by ending the relay first."""
    service = await make_service("s")
    inside = asyncio.Event()

    @service.api.post("/slow")
    async def slow(tx: Tx) -> str:
        from common import outbox

        inside.set()
        await asyncio.sleep(0.3)
        await outbox.append(tx, happened("late"), now=NOON)
        return "done"

    running = Running(service)
    http = await running.__aenter__()
    request = asyncio.create_task(http.post("/s/slow"))
    await inside.wait()
    running.stop.set()
    assert (await request).json() == "done"
    await running.__aexit__()
    records = [r async for r in service.runtime.log.read([TOPIC], follow=False)]
    assert len(records) == 1
    await service.runtime.log.close()


async def test_a_port_that_is_taken_is_said_in_a_sentence(make_service):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port}"):
            await runner.run(
                [await make_service("s")], FastAPI(), host="127.0.0.1", port=port, migrate=False
            )


async def test_a_service_without_handlers_reads_nothing(make_service):
    names = [w.name for w in runner.loops_of(await make_service("s"))]
    assert names == ["housekeeping"]


async def test_old_marks_are_forgotten_and_young_ones_kept(runtime):
    old, young = NOON - retention.INBOX, NOON
    async with runtime.db.begin() as tx:
        await inbox.first_sight(tx, {new_id(): "t"}, now=old)
        await inbox.first_sight(tx, {new_id(): "t"}, now=young)
        for key, at in (("a", old), ("b", young)):
            row = {"scope": "s", "key": key, "fingerprint": "f", "status": 200, "headers": {}}
            await tx.execute(
                insert(tables.idempotency_keys).values(row | {"body": b"", "created_at": at})
            )
    async with runtime.db.begin() as tx:
        await retention.forget(tx, now=NOON.replace(minute=1))
    assert await count(runtime.db, tables.inbox) == 1
    assert await count(runtime.db, tables.idempotency_keys) == 1


def test_embedded_mode_makes_one_key_and_keeps_it_to_itself(tmp_path):
    settings = SharedSettings(data_dir=tmp_path / "var")
    first, second = keys.sealer_from(settings), keys.sealer_from(settings)
    assert second.unseal_bytes(first.seal_bytes(b"x", "c"), "c") == b"x"
    file = tmp_path / "var" / "sealing.key"
    assert file.stat().st_mode & 0o077 == 0
    assert [p.name for p in (tmp_path / "var").iterdir()] == ["sealing.key"]


async def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    """INVARIANT: what one service seals another opens. Broken by writing the key file twice."""
    settings = SharedSettings(data_dir=tmp_path)
    sealers = await asyncio.gather(
        *(asyncio.to_thread(keys.sealer_from, settings) for _ in range(20))
    )
    sealed = sealers[0].seal_bytes(b"x", "c")
    assert all(sealer.unseal_bytes(sealed, "c") == b"x" for sealer in sealers)


def test_a_shared_log_needs_shared_keys(tmp_path):
    settings = SharedSettings(data_dir=tmp_path, event_log_url="kafka://broker:9092")
    with pytest.raises(Misconfigured, match="SEALING_KEYS"):
        keys.sealer_from(settings)


PROGRAM = """
import asyncio, sys
from pathlib import Path
from common import runner
from common.http import create_api
from common.service import Service
from common.settings import ServiceSettings
from common.worker import Worker

async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

def build(settings, runtime):
    api = create_api("s", title="s", description="", runtime=runtime)
    workers = [Worker("stubborn", stubborn)] if sys.argv[1] == "stubborn" else []
    return Service("s", api, runtime, "tests.common.history", workers=workers)

runner.run.__kwdefaults__["drain_seconds"] = 0.3
runner.main("s", ServiceSettings, build)
"""


def start(tmp_path: Path, kind: str, **env: str) -> tuple[subprocess.Popen[str], int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kind],
        cwd=ROOT,
        env=os.environ
        | {"DATA_DIR": str(tmp_path), "PORT": str(port), "PYTHONPATH": str(ROOT)}
        | env,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, port


async def is_up(port: int) -> bool:
    async with httpx2.AsyncClient() as http:
        try:
            return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        except httpx2.ConnectError:
            return False


@pytest.mark.parametrize(("kind", "code"), [("tidy", 0), ("stubborn", os.EX_SOFTWARE)])
async def test_a_process_ends_on_sigterm_whatever_its_workers_do(tmp_path, kind, code):
    process, port = start(tmp_path, kind)
    await until(lambda: is_up(port), seconds=20)
    process.send_signal(signal.SIGTERM)
    _, told = await asyncio.to_thread(process.communicate, timeout=15)
    assert process.returncode == code
    assert "stopped" in told
    assert (tmp_path / "s.db").exists()


async def test_a_process_that_must_not_start_says_why_and_shows_no_traceback(tmp_path):
    process, _ = start(tmp_path, "tidy", HOST="0.0.0.0")
    _, told = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 1
    assert "API_TOKEN" in told
    assert "Traceback" not in told
