"""Messages and links as the tests of emr-bridge need them."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, true

from common.events import registry
from common.events.clinic import ClinicChanged, Hl7Link
from common.tables import outbox
from emr_bridge.domain.link import Link, link_id
from emr_bridge.links.listener import Listener
from emr_bridge.store import links
from emr_bridge.store.tables import messages, readings, unread
from emr_bridge.transports.framer import Frame, Framer, framed
from emr_bridge.transports.mllp import Limits

SAMPLES = Path(__file__).parents[1] / "samples" / "hl7"

CLINIC = "north-clinic"

RUNNING: dict[Listener, asyncio.Task[None]] = {}
"""The task of each listener that a test runs."""


def sample(name: str) -> bytes:
    """Return a hand-written message; on disk its lines end in a line feed."""
    return (SAMPLES / f"{name}.hl7").read_bytes().replace(b"\n", b"\r")


def referral(control_id: str = "M-1", *, number: str = "RF-1", sender: str = "EPIC|NORTH") -> bytes:
    lines = [
        rf"MSH|^~\&|{sender}|LOOP|PHARM|20260302150000||REF^I12^REF_I12|{control_id}|P|2.5.1",
        f"RF1|P|R|||||{number}".replace("|||||", "||||"),
        "PRD|RP|ZZTEST^Greta|||^WPN^PH^^^503^5550100||1234567893^NPI",
        "PID|1||77^^^NORTH^MR||ZZTESTPATIENT^Anna||19800102|F",
        "",
    ]
    return "\r".join(lines).encode()


def link(**values) -> Link:
    given = {
        "id": link_id(CLINIC, "epic"),
        "clinic_id": CLINIC,
        "sending_application": "EPIC",
        "sending_facility": "NORTH",
    }
    return Link(**given | values)


def clinic_changed(now, *hl7_links: Hl7Link, clinic_id: str = CLINIC) -> ClinicChanged:
    return ClinicChanged(
        occurred_at=now, clinic_id=clinic_id, version=1, name="North", hl7_links=hl7_links
    )


async def with_link(runtime, **values) -> Link:
    made = link(**values)
    async with runtime.db.begin() as tx:
        await links.replace(tx, made.clinic_id, [made])
    return made


async def events(runtime) -> list[Any]:
    """Return what waits in the outbox, as events, in order."""
    async with runtime.db.read() as tx:
        rows = await tx.scalars(select(outbox.c.value).order_by(outbox.c.id))
        return [registry.read(value)[1] for value in rows]


async def rows_of(runtime, table) -> list[Any]:
    async with runtime.db.read() as tx:
        return list((await tx.execute(select(table))).mappings())


async def messages_of(runtime) -> list[Any]:
    """Return what came in, each with how it stands: as it was decided at the door, or as it was read.

    INVARIANT: each either waits or was read.
    """
    since = func.coalesce(readings.c.state, unread.c.state).label("state")
    why = func.coalesce(readings.c.reason, unread.c.reason).label("reason")
    link_id = func.coalesce(readings.c.link_id, messages.c.link_id).label("link_id")
    clinic_id = func.coalesce(readings.c.clinic_id, messages.c.clinic_id).label("clinic_id")
    told = (readings.c.repairs, readings.c.became, readings.c.interpreted_at)
    given = {"state", "reason", "link_id", "clinic_id", "repairs", "became", "interpreted_at"}
    kept = [column for column in messages.c if column.name not in given | {"announced"}]
    joined = messages.outerjoin(readings, readings.c.message_id == messages.c.id)
    joined = joined.outerjoin(unread, unread.c.message_id == messages.c.id)
    announced = func.coalesce(unread.c.announced, true()).label("announced")
    places = (unread.c.message_id.label("queued"), readings.c.message_id.label("read"))
    columns = (*kept, since, why, link_id, clinic_id, *told, announced, *places)
    found = select(*columns).select_from(joined).order_by(messages.c.id)
    async with runtime.db.read() as tx:
        rows = list((await tx.execute(found)).mappings())
    assert all((row["queued"] is None) != (row["read"] is None) for row in rows)
    return rows


class Peer:
    """An EMR's side of a link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.framer = Framer(max_bytes=1 << 24)
        self.answers: list[bytes] = []

    async def send(self, *messages: bytes, raw: bytes = b"") -> None:
        self.writer.write(raw or b"".join(framed(message) for message in messages))
        await self.writer.drain()

    async def receive(self, count: int = 1) -> list[bytes]:
        """Return the next answers; fewer when the far side closes."""
        async with asyncio.timeout(10):
            while len(self.answers) < count and (data := await self.reader.read(65536)):
                found = self.framer.feed(data)
                self.answers += [item.payload for item in found if isinstance(item, Frame)]
        taken, self.answers = self.answers[:count], self.answers[count:]
        return taken

    async def ask(self, message: bytes) -> bytes:
        await self.send(message)
        return (await self.receive())[0]

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return not await self.reader.read(1)


@asynccontextmanager
async def listening(runtime, limits: Limits | None = None):
    """Run a listener on a free port."""
    listener = Listener(runtime, limits or Limits())
    task = asyncio.create_task(listener.run("127.0.0.1", 0))
    RUNNING[listener] = task
    await listener.server.listening.wait()
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.wait([task])
        del RUNNING[listener]


@asynccontextmanager
async def connected(listener):
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.server.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


def verdict(answer: bytes | None) -> tuple[str, str]:
    """Return MSA-1 and MSA-2."""
    assert answer is not None
    said = next(line for line in answer.decode().split("\r") if line.startswith("MSA"))
    return said.split("|")[1], said.split("|")[2]


async def until(happened, *, seconds: float = 10) -> None:
    """Wait until something is true, or fail."""
    for _ in range(int(seconds / 0.005)):
        if happened():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen in time")
