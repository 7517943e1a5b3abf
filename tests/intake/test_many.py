"""Messages that are taken together become what they become one by one."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select
from tests.intake.builders import CODES, NOW, a_submission

from common import tracing
from common.errors import SetAside
from common.events.emr import Paper, ReferralSubmitted
from common.events.envelope import Envelope
from common.ids import new_id
from common.service import Runtime
from common.tables import outbox
from common.verdicts import Heard, Together
from intake import consumers
from intake.domain import findings
from intake.domain.clinic import Clinic
from intake.handlers.desk import Desk
from intake.store import clinics, tables
from intake.store.tables import metadata

Message = Heard[ReferralSubmitted]
Make = Callable[..., Message]


@pytest.fixture
def a_message(sealer) -> Make:
    """Make what is heard of a message; its trace is its own."""

    def make(patient="A", number=None, *, drug="adalimumab", **facts: Any) -> Message:
        known: dict[str, Any] = {
            "clinic_id": "lakeside",
            "message_type": "REF^I12",
            "sender": "EPIC|LAKESIDE",
        }
        known |= {"occurred_at": NOW, "message_id": new_id(), "places": {"/patient": "PID[1]"}}
        who = {
            "family_name": f"ZZTEST{patient}",
            "birth_date": f"198{ord(patient) % 10}-02-28",
            "identifiers": [{"value": f"MRN-{patient}", "system": "LAKESIDE", "type": "MR"}],
        }
        ids = [{"value": number, "system": "LAKESIDE"}] if number else []
        said = a_submission(
            clinic_id=None, patient=who, medication={"text": drug}, external_ids=ids
        )
        event = ReferralSubmitted(**(known | facts))
        trace = event.message_id.hex
        sealed = event.with_sealed(sealer, said)
        assert isinstance(sealed, ReferralSubmitted)
        return Heard(sealed, f"00-{trace}-{trace[:16]}-01")

    return make


async def opened(runtime: Runtime) -> Together:
    """Register two clinics; return the handler of submissions."""
    async with runtime.db.begin() as tx:
        for name in ("lakeside", "riverside"):
            clinic = Clinic(id=name, version=1, name=name, promises={})
            await clinics.save(tx, runtime.sealer, clinic, now=NOW)
    handler = consumers.handlers(Desk(runtime.sealer, CODES))[ReferralSubmitted]
    assert isinstance(handler, Together)
    return handler


@pytest.fixture
async def take(runtime):
    """Take messages in one transaction: all at once."""
    handler = await opened(runtime)

    async def all_at_once(*heard: Message) -> None:
        async with runtime.db.begin() as tx:
            await handler.many(tx, heard, NOW)

    return all_at_once


async def one_by_one(runtime: Runtime, handler: Together, heard: Sequence[Message]) -> None:
    """Take messages as the consumer does where a run failed."""
    for one in heard:
        async with runtime.db.begin() as tx:
            await handler.many(tx, [one], NOW)


async def rows(runtime: Runtime, table, order) -> list[dict[str, Any]]:
    async with runtime.db.read() as tx:
        found = await tx.execute(select(table).order_by(order))
        return [dict(row) for row in found.mappings()]


async def outcome(runtime: Runtime) -> dict[Any, Any]:
    """Return all that became of the messages, told by messages: ids and codes are drawn anew."""
    referrals = await rows(runtime, tables.referrals, tables.referrals.c.created_at)
    source = {row["id"]: row["source_message_id"] for row in referrals}
    by_code = {row["code"]: row["source_message_id"] for row in referrals}
    told: dict[Any, list[Any]] = defaultdict(list)
    for row in await rows(runtime, tables.timeline, tables.timeline.c.position):
        entry = (row["what"], row["from_status"], row["to_status"], row["source_message_id"])
        told["timeline", source[row["referral_id"]]].append((*entry, row["actor"], row["facts"]))
    for row in await rows(runtime, outbox, outbox.c.id):
        event = Envelope.model_validate_json(row["value"])
        about = source[next(i for i in source if str(i) == event.subject)]
        trace = tracing.trace_id_of(row["headers"].get("traceparent"))
        told["outbox", about].append((event.type, trace))
    for row in await rows(runtime, tables.findings, tables.findings.c.id):
        fact = row["code"], row["pointer"], row["blocking"], by_code.get(row["related"])
        told["findings", source[row["referral_id"]]].append(fact)
    for row in await rows(runtime, tables.external_ids, tables.external_ids.c.value):
        told["numbers", source[row["referral_id"]]].append((row["clinic_id"], row["value"]))
    for row in await rows(runtime, tables.reviews, tables.reviews.c.id):
        about = source.get(row["referral_id"])
        told["reviews", row["message_id"]].append((row["reason"], about, row["traceparent"]))
    state = ("status", "reason", "waiting_on", "version", "completeness", "clinic_id", "door")
    kept = {row["source_message_id"]: tuple(row[name] for name in state) for row in referrals}
    for (what, _), entries in told.items():
        if what == "findings":  # their ids are drawn anew, and say nothing of an order
            entries.sort(key=repr)
    return {"referrals": kept, **told}


def mixture(make: Make, seed: int) -> list[Message]:
    """Return messages of few patients and numbers, so that most have to do with one before."""
    chance = random.Random(seed)
    heard: list[Message] = []
    for _ in range(90):
        if heard and chance.random() < 0.1:
            heard.append(chance.choice(heard))
            continue
        patient = chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        number = chance.choice([None, *(f"PO-{n}" for n in range(25))])
        drug = chance.choice(["adalimumab", "etanercept"])
        purpose = "change" if chance.random() < 0.15 else "new"
        clinic = chance.choice(["lakeside"] * 5 + ["riverside", "nowhere", None])
        heard.append(make(patient, number, drug=drug, purpose=purpose, clinic_id=clinic))
    return heard


@pytest.mark.parametrize("seed", range(4))
async def test_together_is_as_one_by_one(runtime_of, a_message, seed):
    """INVARIANT: however the log is cut into runs, the same becomes of it. Broken by overtaking."""
    chance = random.Random(seed)
    heard = mixture(a_message, seed)
    alone, crowd = await runtime_of(metadata), await runtime_of(metadata)
    await one_by_one(alone, await opened(alone), heard)
    handler, rest = await opened(crowd), heard
    while rest:
        run, rest = rest[: (most := chance.randint(1, 20))], rest[most:]
        async with crowd.db.begin() as tx:
            await handler.many(tx, run, NOW)
    one, other = await outcome(alone), await outcome(crowd)
    assert len(one["referrals"]) > 20
    assert one == other


async def test_a_repeat_in_a_run_corrects_the_order_before_it(take, runtime, a_message):
    first, again = a_message("A", "PO-1"), a_message("A", "PO-1")
    await take(a_message("B", "PO-2"), first, again, a_message("C", "PO-3"))
    found = await outcome(runtime)
    assert len(found["referrals"]) == 3
    timeline = found["timeline", first.event.message_id]
    assert [entry[0] for entry in timeline][-2:] == ["referral.repeated", "message.read"]


async def test_the_same_patient_twice_in_a_run_is_found_doubtful(take, runtime, a_message):
    first, second = a_message("A", "PO-1"), a_message("A", "PO-2")
    await take(first, second)
    found = await outcome(runtime)
    codes = [fact[0] for fact in found["findings", second.event.message_id]]
    assert findings.DUPLICATE in codes
    assert found["reviews", second.event.message_id]


async def test_a_change_does_not_overtake_what_it_changes(take, runtime, a_message):
    """INVARIANT: a sender's messages keep their order. Broken by taking what is new first, or last."""
    new = a_message("A", "PO-1")
    change = a_message("A", "PO-1", drug="etanercept", purpose="change")
    early = a_message("B", "PO-9", purpose="change")
    await take(early, new, change, a_message("B", "PO-9"))
    found = await outcome(runtime)
    assert [one[0] for one in found["reviews", early.event.message_id]] == ["change_unmatched"]
    assert len(found["referrals"]) == 2
    assert "referral.repeated" in [one[0] for one in found["timeline", new.event.message_id]]


async def test_a_message_that_is_told_twice_in_a_run_is_taken_once(take, runtime, a_message):
    """INVARIANT: (door, message) is taken once, whatever the event's id."""
    message = a_message()
    await take(message, a_message("B"), message)
    await take(message)
    assert len((await outcome(runtime))["referrals"]) == 2


async def test_of_a_run_with_half_a_document_nothing_is_kept(take, runtime, a_message):
    """INVARIANT: a run is kept whole or not at all. Broken by a commit between its parts."""
    paper = Paper(number=1, media_type="application/pdf", size=9, sha256="0" * 64, parts=1)
    with pytest.raises(SetAside):
        await take(a_message("A"), a_message("B", papers=(paper,)), a_message("C"))
    assert await outcome(runtime) == {"referrals": {}}
