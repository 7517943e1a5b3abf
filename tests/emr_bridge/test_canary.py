"""A patient's name may leave only sealed, or in the message that is sent to the clinic."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx2
import structlog
from sqlalchemy import select
from tests.emr_bridge.builders import SAMPLES, connected, listening, sample, with_link
from tests.emr_bridge.sending import ask, linked, sender_for

from common.tables import outbox
from emr_bridge.api import create
from emr_bridge.handlers.receive import receive
from emr_bridge.store.tables import metadata
from emr_bridge.workers.interpreter import interpret_next
from simulators.emr import EmrServer, reject

CANARIES = ("ZZTEST", "ZZPAYER", "M06.9", "MEM123", "Adalimumab", "5035550124")


def assert_clean(text: str, where: str) -> None:
    for canary in CANARIES:
        assert canary not in text, f"{canary} in {where}"


async def test_no_patient_leaves_by_logs_events_answers_tables_or_lists(runtime):
    with structlog.testing.capture_logs() as logs:
        answers = await everything(runtime)
    for entry in logs:
        error = entry.pop("exc_info", None)
        assert_clean(json.dumps(entry, default=str) + type(error).__name__, "logs")
    assert logs
    for answer in answers:
        assert_clean(answer.decode("latin-1"), "answers")
    async with runtime.db.read() as tx:
        for value in await tx.scalars(select(outbox.c.value)):
            assert_clean(value.decode(), "events")
        for table in metadata.sorted_tables:
            for row in (await tx.execute(select(table))).all():
                assert_clean(str(row), f"table {table.name}")
    transport = httpx2.ASGITransport(create.api(runtime))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/v1/messages", "/v1/links", "/metrics"):
            assert_clean((await client.get(path)).text, path)


async def everything(runtime) -> list[Any]:
    """Take every sample by the door, whole and mangled; read them; send a notice that is refused."""
    names = sorted(path.stem for path in SAMPLES.glob("*.hl7"))
    raws = [sample(name) for name in names]
    raws += [raw.replace(b"|REF", b"|XXX").replace(b"|OR", b"|XX") for raw in raws]
    raws += [raw.replace(b"MSH", b"XYZ", 1) for raw in raws] + [
        raw + b"NTE|1||more\r" for raw in raws
    ]
    for named in (("EPIC^1.2.840.114350^ISO", "NORTHRHEUM"), ("CERNER", "SOUTHGI")):
        application, facility = named
        clinic = facility.lower()
        await with_link(
            runtime,
            id=f"{clinic}/emr",
            clinic_id=clinic,
            sending_application=application,
            sending_facility=facility,
        )
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(*raws)
        answers = await peer.receive(len(raws))
        await peer.send(raw=b"\x0b" + raws[0] + b"\x0b" + raws[0])
    while await interpret_next(runtime):
        pass
    emr = EmrServer()
    await emr.start()
    await linked(runtime, emr)
    await emr.follow(reject("AE", error="101", location="PID^1^5"))
    await ask(runtime)
    await ask(runtime, referral_id=uuid4())
    sender = sender_for(runtime)
    await sender.step()
    await sender.idle()
    await sender._drain()
    await emr.close()
    async with runtime.db.begin() as tx:
        outcomes = await receive(tx, raws[:1], sealer=runtime.sealer, now=runtime.clock())
    answers += [outcome.answer for outcome in outcomes]
    await asyncio.sleep(0)
    return list(answers)
