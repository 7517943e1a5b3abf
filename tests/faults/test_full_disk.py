"""The disk is full while clinics send: nothing is acknowledged that is not kept, and nothing is half done."""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
import httpx2
from tests.faults.balance import balance
from tests.faults.conftest import World
from tests.faults.disk import SmallDisk, small_disk
from tests.system.audit import counts, settled, wrongs
from tests.system.conftest import World as WholeWorld
from tests.system.referrals import referral
from tests.system.traffic import Traffic
from tests.system.trio import Ground, Trio
from tests.system.whole import Whole
from tests.system.world import System, outside, settings_for

from simulators.emr import EmrClient
from simulators.emr.messages import Envelope, ref_i12
from simulators.emr.samples import numbered

AWAY = 2.0
MUCH = 300_000
"""Bytes: more than is free within the pages that a database has already."""


async def test_an_embedded_system_on_a_full_disk_acknowledges_nothing_and_goes_on_later(tmp_path):
    """INVARIANT: an answer that says "kept" is given only for what is on the disk."""
    with small_disk(tmp_path / "disk", mebibytes=24) as disk:
        async with outside(tmp_path) as around:
            whole = Whole(tmp_path / "system", settings_for(around.gateway))
            whole.folder.mkdir()
            (whole.folder / "data").symlink_to(disk.room)
            world = WholeWorld(around.gateway, around.emr, around.hook, whole)
            try:
                await whole.start()
                await world.register_all(whole)
                traffic = Traffic(pause=0.1)
                async with traffic.running(whole):
                    await live_through_a_full_disk(disk, whole, traffic)
                balanced = await settled(whole.books)
                print(f"\n{counts(whole.books, traffic, kills=0)}")
                assert wrongs(world, whole.books, traffic) == {}
                assert balanced
            finally:
                await whole.end()


async def test_postgresql_on_a_full_disk_loses_nothing(ground: Ground, tmp_path: Path):
    """INVARIANT: 53100 (disk_full) is an outage of the database, not a fault of a record or a request."""
    async with outside(tmp_path) as around:
        trio = Trio(ground, tmp_path / "trio", settings_for(around.gateway))
        await trio.prepare()
        async with on_a_small_disk(trio) as disk:
            world = World(around.gateway, around.emr, around.hook, trio)
            try:
                await trio.start_all()
                await world.register_all(trio)
                traffic = Traffic(pause=0.1)
                async with traffic.running(trio):
                    await live_through_a_full_disk(disk, trio, traffic)
                assert all(replica.is_up for replica in trio.everyone)
                await balance(world, traffic, kills=0)
            finally:
                await trio.end()


async def live_through_a_full_disk(disk: SmallDisk, system: System, traffic: Traffic) -> None:
    """Fill the disk under load, ask at each door, give the room back, and ask again."""
    one = (await system.call("POST", "/intake/v1/referrals", json=referral("zz-fax", 900))).json()
    traffic.created["full"] = {one["id"]}
    await asyncio.sleep(1)
    disk.fill()
    await asyncio.sleep(AWAY)
    disk.fill()  # what was given back meanwhile
    assert b"MSA|AR|FULL1" in (ack := await send_much(system)), ack
    assert b"|207^" in ack
    refused = await store_much(system, one["id"])
    assert refused.status_code == 503, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"]
    disk.free()
    await asyncio.sleep(1)
    assert b"MSA|AA|FULL1" in await send_much(system)
    assert (await store_much(system, one["id"])).status_code == 201
    papers = await system.call("GET", f"/intake/v1/referrals/{one['id']}/documents")
    assert len(papers.json()) == 1, "nothing of the first was kept"


async def send_much(system: System) -> bytes:
    """Send a large message; return its ACK."""
    envelope = Envelope(control_id="FULL1", sent_at=datetime(2026, 3, 2, tzinfo=UTC))
    note = b"NTE|1||" + b"ZZTEST much " * (MUCH // 12) + b"\r"
    async with EmrClient("127.0.0.1", system.mllp_port, timeout=20) as emr:
        return await emr.send(ref_i12(numbered(901), envelope) + note)


async def store_much(system: System, referral_id: str) -> httpx2.Response:
    """Upload a large document."""
    content = b"%PDF-1.4\n" + bytes(range(1, 256)) * (MUCH // 255)
    files = {"file": ("zz.pdf", content, "application/pdf")}
    path = f"/intake/v1/referrals/{referral_id}/documents"
    key = {"Idempotency-Key": "full-1"}
    return await system.call("POST", path, files=files, headers=key)


@asynccontextmanager
async def on_a_small_disk(trio: Trio) -> AsyncGenerator[SmallDisk]:
    """Have the databases of the services, and nothing else of the server's, on a disk of their own."""
    ground = trio.ground
    space = f"{ground.name}_space"
    names = [url.rpartition("/")[2] for url in trio.databases.values()]
    with small_disk(Path("/tmp") / space, mebibytes=96) as disk:
        folder = disk.room / "data"
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")  # as whom the server runs
        connection: Any = await asyncpg.connect(ground.postgresql.url.replace("+asyncpg", ""))
        try:
            await connection.execute(f"CREATE TABLESPACE {space} LOCATION '{folder}'")
            for name in names:
                await connection.execute(f"ALTER DATABASE {name} SET TABLESPACE {space}")
            yield disk
        finally:
            disk.free()
            for name in names:
                await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await connection.execute(f"DROP TABLESPACE {space}")
            await connection.close()
