"""`python -m tests.migrations.freezing NAME`: runs the system of now, pulls the plug, and keeps its rows as samples.

Once per release: a later version must go on from exactly these rows. What is frozen is never written again.
"""

import asyncio
import base64
import json
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import LargeBinary, MetaData, Table
from tests.system.audit import settled
from tests.system.conftest import World
from tests.system.referrals import referral
from tests.system.whole import Whole, until
from tests.system.world import outside, settings_for

import emr_bridge.store.tables
import intake.store.tables
import notifications.store.tables
from simulators.emr import EmrClient
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered

SAMPLES = Path(__file__).parent / "samples"
KEYS = "frozen:ZnJvemVuLWtleS1mcm96ZW4ta2V5LWZyb3plbi1rZSE="
"""Of made-up people alone."""

TABLES: dict[str, MetaData] = {
    "intake": intake.store.tables.metadata,
    "emr-bridge": emr_bridge.store.tables.metadata,
    "notifications": notifications.store.tables.metadata,
}
NOBODY = "kafka://127.0.0.1:9"
"""A log that does not answer: what is to be told then stays in the outboxes."""

PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


async def freeze(into: Path) -> None:
    """Live through a little of everything, end in the middle of it, and write the rows down."""
    with tempfile.TemporaryDirectory() as folder:
        async with outside(Path(folder)) as around:
            settings = settings_for(around.gateway) | {"CLOCK_SPEED": "1", "SEALING_KEYS": KEYS}
            whole = Whole(Path(folder) / "system", settings)
            try:
                await whole.start()
                await live(World(around.gateway, around.emr, around.hook, whole))
                await whole.stop()
            finally:
                await whole.end()
            await break_off(Path(folder), settings)
        for service in TABLES:
            write_down(Path(folder) / "system" / "data" / f"{service}.db", service, into)


async def live(world: World) -> None:
    """Refer by every door, decide, tell by every channel; wait until all of it is confirmed."""
    whole = world.whole
    await world.register_all(whole)
    await world.register(whole, "zz-unsigned", channels=["fax"], baa_signed_on=None)
    ids = [await refer(whole, c, n) for n, c in enumerate(("zz-fax", "zz-hook", "zz-emr"), 1)]
    await with_everything(whole, ids[0])
    await with_a_date(whole, ids[1])
    await refer(whole, "zz-fax", 5, coverages=[])
    await send(whole, 10, "FROZEN1")
    await send(whole, 10, "FROZEN1")
    await send(whole, 11, "FROZEN2", sender=b"ZZSTRANGER")
    await until(lambda: _has_notices(whole))
    assert await settled(whole.books)
    await refer(whole, "zz-unsigned", 4)
    await until(lambda: _asks_a_person(whole))


async def _asks_a_person(whole: Whole) -> bool:
    return whole.books.count("notifications", "SELECT count(*) FROM tasks") > 0


async def _has_notices(whole: Whole) -> bool:
    return whole.books.count("notifications", "SELECT count(*) FROM notices") >= 6


async def with_everything(whole: Whole, one: str) -> None:
    """Give one referral a paper, an authorization and a date."""
    at = f"/intake/v1/referrals/{one}"
    files = {"file": ("zz.pdf", PDF, "application/pdf")}
    await say(whole, "POST", f"{at}/documents", files=files)
    await say(whole, "POST", f"{at}/accept", json={})
    authorization = f"{at}/prior-authorizations/{uuid.uuid4()}"
    for state in ("required_not_started", "submitted"):
        await say(whole, "PUT", authorization, json={"state": state, "benefit": "pharmacy"})


async def with_a_date(whole: Whole, one: str) -> None:
    """Book a delivery."""
    at = f"/intake/v1/referrals/{one}"
    when = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0).isoformat()
    booked = {"kind": "delivery", "starts_at": when, "place": "ZZTESTPLACE 1"}
    await say(whole, "POST", f"{at}/accept", json={})
    await say(whole, "POST", f"{at}/schedule", json=booked)


async def break_off(folder: Path, settings: dict[str, str]) -> None:
    """Go on without a log, a gateway and the clinics' EMRs, and end by kill -9."""
    away = {"EVENT_LOG_URL": NOBODY, "NOTIFICATIONS_SINCH_BASE_URL": "http://127.0.0.1:9"}
    half = Whole(folder / "system", settings | away)
    starting = asyncio.create_task(half.start())  # it is never ready
    try:
        await until(lambda: _answers(half))
        for number, clinic in enumerate(("zz-fax", "zz-emr"), 20):
            await refer(half, clinic, number)
        await send(half, 22, "FROZEN3")
        for channel in ("emr", "fax"):
            await tell_again(half, channel)
        await asyncio.sleep(3)
    finally:
        starting.cancel()
        await half.end()


async def tell_again(whole: Whole, channel: str) -> None:
    """Have a notice sent once more."""
    confirmed = f"SELECT id FROM deliveries WHERE channel='{channel}' AND state='confirmed'"
    ((delivery, *_), *_) = whole.books.rows("notifications", confirmed)
    path = f"/notifications/v1/deliveries/{uuid.UUID(delivery)}/resend"
    body = {"reason": "ZZTESTREASON lost", "confirm_again": True}
    await say(whole, "POST", path, json=body, headers={"X-Actor": "zz-frozen"})


async def _answers(whole: Whole) -> bool:
    try:
        return (await whole.call("GET", "/intake/livez")).is_success
    except Exception:  # noqa: BLE001 - not yet
        return False


async def refer(whole: Whole, clinic: str, number: int, **facts: Any) -> str:
    """Post a referral; return its id."""
    answer = await say(
        whole,
        "POST",
        "/intake/v1/referrals",
        json=referral(clinic, number) | facts,
        headers={"Idempotency-Key": f"frozen-{number}"},
    )
    return str(answer["id"])


async def say(whole: Whole, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Ask for something that must be done."""
    answer = await whole.call(method, path, **options)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def send(whole: Whole, number: int, control_id: str, *, sender: bytes = b"ZZEMR") -> None:
    """Send an order over MLLP."""
    envelope = Envelope(control_id=control_id, sent_at=datetime(2026, 3, 2, 15, tzinfo=UTC))
    message = BUILDERS["REF^I12"](numbered(number), envelope).replace(b"ZZEMR", sender, 1)
    async with EmrClient("127.0.0.1", whole.mllp_port) as emr:
        assert b"MSA|A" in await emr.send(message)


def write_down(database: Path, service: str, into: Path) -> None:
    """Write every table of a SQLite file as JSON; one that stayed empty gets a row by its types alone."""
    with sqlite3.connect(database) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = {t.name: written(connection, t) for t in TABLES[service].sorted_tables}
    file = into / f"{service}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    assert not file.exists(), f"{file} is frozen"
    lines = [f'  "{name}": {told(table)}' for name, table in tables.items()]
    about = json.dumps({"revision": revision, "at": datetime.now(UTC).isoformat()})[1:-1]
    text = ",\n".join(lines)
    file.write_text(f'{{\n {about},\n "tables": {{\n{text}\n }}\n}}\n')


def told(table: dict[str, Any]) -> str:
    """Return a table with a line per row."""
    rows = ",\n".join(f"   {json.dumps(row)}" for row in table["rows"])
    return f'{{"columns": {json.dumps(table["columns"])}, "rows": [\n{rows}]}}'


def written(connection: sqlite3.Connection, table: Table) -> dict[str, Any]:
    """Return a table's columns, each with its kind, and its rows."""
    kinds = {c.name: kind_of(c.type) for c in table.columns}
    names = ", ".join(f'"{name}"' for name in kinds)
    found = connection.execute(f'SELECT {names} FROM "{table.name}"').fetchall()
    rows = [[plain(v, k) for v, k in zip(row, kinds.values(), strict=True)] for row in found]
    return {"columns": kinds, "rows": rows or [invented(table, kinds)]}


def kind_of(type_: Any) -> str:
    """Return what a column holds, in a word that no later version of our code decides."""
    if isinstance(type_, LargeBinary):
        return "bytes"
    name = type(type_).__name__
    known = {"UtcDateTime": "time", "Uuid": "uuid", "JSON": "json", "Boolean": "bool"}
    known |= {"Integer": "int", "BigInteger": "int"}
    return known.get(name, "text")


def plain(value: Any, kind: str) -> Any:
    """Return a value of SQLite as JSON can hold it."""
    if value is None:
        return None
    if kind == "bytes":
        return base64.b64encode(value).decode()
    readers: dict[str, Callable[[Any], Any]] = {"json": json.loads, "bool": bool}
    return readers.get(kind, lambda same: same)(value)


def invented(table: Table, kinds: dict[str, str]) -> list[Any]:
    """Return a row for a table that such a short life leaves empty; it refers to nothing."""
    assert not table.foreign_keys, f"{table.name} stayed empty"
    print(f"invented: {table.name}")
    made = {
        "time": "2026-03-02 15:00:00.000000",
        "uuid": uuid.uuid4().hex,
        "json": {},
        "bool": False,
        "int": 1,
        "bytes": base64.b64encode(b"frozen").decode(),
    }
    return [made.get(kind, "done" if name == "state" else "zz") for name, kind in kinds.items()]


if __name__ == "__main__":
    asyncio.run(freeze(SAMPLES / sys.argv[1]))
