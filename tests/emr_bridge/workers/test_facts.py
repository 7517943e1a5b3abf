"""What a message that was read is told as: places in the clear, values sealed, documents in parts."""

import base64
import hashlib

import pytest
from sqlalchemy import select
from tests.emr_bridge.builders import (
    CLINIC,
    clinic_changed,
    events,
    messages_of,
    referral,
    rows_of,
    with_link,
)

from common.events import emr
from common.events.clinic import Hl7Dialect, Hl7Link
from common.events.emr import MessageReceived, ReferralSubmitted
from common.events.submission import PaperPart, Submission
from common.tables import outbox
from emr_bridge.handlers import follow, interpret, record
from emr_bridge.handlers.receive import receive
from emr_bridge.store.tables import correlations
from emr_bridge.workers.interpreter import interpret_next


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())


async def all_read(runtime):
    while await interpret_next(runtime):
        pass
    return [one for one in await events(runtime) if not isinstance(one, MessageReceived)]


def with_document(control_id="M-1", *, size=900_000):
    """A referral with an enclosed PDF that is too large for one event."""
    pdf = b"%PDF-1.4 ZZTESTPATIENT " + bytes(range(256)) * (size // 256)
    data = base64.b64encode(pdf).decode()
    return pdf, referral(control_id) + f"OBX|1|ED|L^Letter||^AP^PDF^Base64^{data}\r".encode()


async def test_an_enclosed_document_goes_before_its_fact_in_parts_that_fit_a_record(runtime):
    await with_link(runtime)
    pdf, raw = with_document()
    await arrive(runtime, raw)
    *parts, fact = await all_read(runtime)
    (paper,) = fact.papers
    opened = [part.unsealed(runtime.sealer, PaperPart) for part in parts]
    assert isinstance(fact, ReferralSubmitted)
    assert b"".join(part.content for part in opened) == pdf
    assert [(part.number, part.part) for part in parts] == [(1, n) for n in (1, 2, 3)]
    assert (paper.parts, paper.size, paper.media_type) == (3, len(pdf), "application/pdf")
    assert paper.sha256 == hashlib.sha256(pdf).hexdigest()
    assert [part.name for part in opened] == ["Letter", None, None]
    assert len({part.subject for part in parts} | {fact.subject}) == 1
    async with runtime.db.read() as tx:
        sizes = [len(value) for value in await tx.scalars(select(outbox.c.value))]
    assert max(sizes) < 1_000_000


@pytest.mark.parametrize(
    ("kind", "body", "fact"),
    [
        ("REF^I13", b"", ReferralSubmitted),
        ("REF^I15", b"", emr.StatusRequested),
        ("ADT^A08", b"", emr.PatientUpdated),
        ("ADT^A40", b"MRG|66^^^NORTH^MR\r", emr.PatientMerged),
        ("SIU^S12", b"SCH||ZZTESTNO||||||||||||||||||||||||RF-1\rAIP|1||9^ZZTESTDOC^A\r", None),
        ("ORU^R01", b"OBX|1|TX|C^Comment||ZZTEST words\r", emr.DocumentsSubmitted),
        ("OSU^O51", b"ORC|SC|RF-1|||IP\r", emr.OrderStatusTold),
    ],
)
async def test_each_family_becomes_one_fact_with_nobodys_data_in_the_clear(
    runtime, kind, body, fact
):
    await with_link(runtime)
    await arrive(runtime, referral().replace(b"REF^I12^REF_I12", kind.encode()) + body)
    (event,) = await all_read(runtime)
    (row,) = await messages_of(runtime)
    assert type(event) is (fact or emr.AppointmentTold)
    clear = event.model_dump_json(exclude={"sealed"}).replace("ZZTESTNO", "")
    assert "ZZTEST" not in clear
    assert (row["state"], row["became"]) == ("interpreted", event.type)


async def test_a_fact_tells_where_values_stood_what_is_deleted_and_what_was_mended(runtime):
    await with_link(runtime)
    raw = referral().replace(b"|19800102|F", b'|""|F').replace(b"\rPID", b"\r\nPID")
    await arrive(runtime, raw)
    (event,) = await all_read(runtime)
    assert event.places["/patient/family_name"] == "PID[1]-5"
    assert event.places["/prescriber/npi"] == "PRD[1]-7"
    assert event.deleted == ("/patient/birth_date",)
    assert event.repairs == ("line_ends",)
    assert (event.purpose, event.papers) == ("new", ())


async def test_a_links_own_ways_are_followed_and_what_is_wrong_of_them_is_told(runtime):
    dialect = Hl7Dialect(
        overrides={"prescriber.npi": "ZPR-1", "prescriber.name": "nowhere"},
        code_sets={"sex": {"F": "M"}},
    )
    await with_link(runtime, dialect=dialect)
    await arrive(runtime, referral() + b"ZPR|1999999984\r")
    (event,) = await all_read(runtime)
    submission = event.unsealed(runtime.sealer, Submission)
    assert submission.prescriber.npi == "1999999984"
    assert submission.patient.sex == "male"
    assert event.repairs == ("override_unusable overrides/prescriber.name",)


async def test_messages_of_a_sender_are_read_again_when_a_link_claims_it(runtime):
    """INVARIANT: a clinic that is registered late loses nothing of what it had sent."""
    await arrive(runtime, referral("M-1"), referral("M-2", number="RF-2"))
    await arrive(runtime, referral("M-3", sender="OTHER|PLACE"))
    before = await all_read(runtime)
    assert [event.reason for event in before] == ["unknown_sender"] * 3
    event = clinic_changed(
        runtime.clock(),
        Hl7Link(id="epic", sending_application="epic", sending_facility=" North"),
    )
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, event, runtime.clock())
    after = (await all_read(runtime))[3:]
    assert [type(one) for one in after] == [ReferralSubmitted] * 2
    assert [one.message_id for one in after] == [one.message_id for one in before[:2]]
    received = [one for one in await events(runtime) if isinstance(one, MessageReceived)]
    assert len(received) == 3
    rows = {row["control_id"]: row for row in await messages_of(runtime)}
    assert (rows["M-1"]["state"], rows["M-1"]["clinic_id"]) == ("interpreted", CLINIC)
    assert (rows["M-3"]["state"], rows["M-3"]["reason"]) == ("review", "unknown_sender")


async def test_a_sender_registered_while_its_message_is_read_is_not_given_to_a_person(runtime):
    await arrive(runtime, referral())
    async with runtime.db.read() as tx:
        found = (await interpret.waiting(tx, sealer=runtime.sealer)).messages
    strange = [interpret.understand(message) for message in found]
    await with_link(runtime)
    async with runtime.db.begin() as tx:
        await record.record(tx, strange, sealer=runtime.sealer, now=runtime.clock())
    (event,) = await all_read(runtime)
    assert isinstance(event, ReferralSubmitted)


async def test_a_social_security_number_is_neither_submitted_nor_kept_to_be_echoed(runtime):
    await with_link(runtime)
    raw = referral().replace(b"77^^^NORTH^MR", b"900000001^^^USSSA^SS~77^^^NORTH^MR")
    await arrive(runtime, raw)
    (event,) = await all_read(runtime)
    submission = event.unsealed(runtime.sealer, Submission)
    (row,) = await rows_of(runtime, correlations)
    context = record.correlation_context(row["message_id"])
    assert [one.value for one in submission.patient.identifiers] == ["77"]
    assert runtime.sealer.unseal_bytes(row["patient_ids"], context) == b"77^^^NORTH^MR"


async def test_a_message_that_says_more_than_a_record_takes_is_given_to_a_person(runtime):
    """INVARIANT: no fact is larger than the log takes; one that is would stop the relay."""
    await with_link(runtime)
    many = "".join(f"DG1|{n}||C{n}^{'ZZTEST ' * 30}^I10\r" for n in range(4000))
    await arrive(runtime, referral() + many.encode())
    (event,) = await all_read(runtime)
    (row,) = await messages_of(runtime)
    assert isinstance(event, emr.ReviewRequested)
    assert (event.reason, row["reason"]) == ("says_too_much", "says_too_much")
    assert "ZZTEST" not in event.model_dump_json()


async def test_what_stands_in_the_clear_is_cut_to_numbers_and_codes(runtime):
    await with_link(runtime)
    number = "9" * 500
    said = f"ORC|SC|{number}|||Somebody ZZTEST said so\r".encode()
    await arrive(runtime, referral().replace(b"REF^I12^REF_I12", b"OSU^O51") + said)
    sch = f"SCH||{number}" + "|" * 23 + "seen by ZZTEST yesterday|" + number + "\r"
    await arrive(runtime, referral("M-2").replace(b"REF^I12^REF_I12", b"SIU^S12") + sch.encode())
    status, appointment = await all_read(runtime)
    assert status.status is None
    assert len(appointment.appointment_id) == 200
    assert [len(one) for one in appointment.order_numbers] == [200]
    assert appointment.status is None
    assert "ZZTEST" not in appointment.model_dump_json(exclude={"sealed"})


@pytest.mark.parametrize(
    "guard",
    [Hl7Dialect(client_certificate="epic.north"), Hl7Dialect(allowed_addresses=("10.1.0.0/16",))],
    ids=["certificate", "addresses"],
)
async def test_what_came_in_the_name_of_a_guarded_link_before_it_was_stays_with_a_person(
    runtime, guard
):
    """INVARIANT: nobody gets in before the guard: whose those messages are is not known any more."""
    await arrive(runtime, referral("M-1"))
    assert [event.reason for event in await all_read(runtime)] == ["unknown_sender"]
    await arrive(runtime, referral("M-2", number="RF-2"))
    async with runtime.db.read() as tx:
        found = (await interpret.waiting(tx, sealer=runtime.sealer)).messages
    while_read = [interpret.understand(message) for message in found]
    guarded = Hl7Link(
        id="epic", sending_application="EPIC", sending_facility="NORTH", dialect=guard
    )
    async with runtime.db.begin() as tx:
        await follow.clinic_changed(tx, clinic_changed(runtime.clock(), guarded), runtime.clock())
        await record.record(tx, while_read, sealer=runtime.sealer, now=runtime.clock())
    await arrive(runtime, referral("M-3", number="RF-3"))
    kinds = {row["control_id"]: row["state"] for row in await messages_of(runtime)}
    assert [type(event) for event in await all_read(runtime)][2:] == [ReferralSubmitted]
    assert (kinds["M-1"], kinds["M-2"]) == ("review", "review")


async def test_a_document_in_a_message_that_files_none_is_not_sent_on(runtime):
    """INVARIANT: no piece of a document is kept for which no event will ever ask."""
    await with_link(runtime)
    paper = b"OBX|1|ED|PDF^Letter||^Application^PDF^Base64^JVBERi0xLjQKJVpaVEVTVA==\r"
    raw = referral().replace(b"REF^I12^REF_I12", b"ADT^A08") + paper
    await arrive(runtime, raw, referral("M-2") + paper)
    kinds = [type(event) for event in await all_read(runtime)]
    assert kinds == [emr.PatientUpdated, emr.DocumentPart, ReferralSubmitted]
