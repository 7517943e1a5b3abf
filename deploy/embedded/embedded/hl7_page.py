"""The generated page about HL7 v2: what is read, answered and sent, from the tables in the code."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from common.events.notification import EmrDeliveryRequested, NoticeContent
from common.events.people import PatientCard
from emr_bridge.domain import redelivery
from emr_bridge.domain.link import Link
from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal
from emr_bridge.formats.hl7v2.builders import report
from emr_bridge.formats.hl7v2.builders.schedule import BOOKED, BY_NOTICE
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret import EVENTS
from emr_bridge.formats.hl7v2.interpret.fields import (
    diagnosis,
    directions,
    medication,
    numbers,
    prescriber,
)
from notifications.domain.promise import DEFAULT_TERMS
from notifications.domain.telling import TOLD
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EXAMPLE = UUID("0192f0c1-7d4e-7b7a-9c39-0f8a5f7f6c11")

REFUSALS: Mapping[str, Refusal] = {
    "no MSH that can be read": ack.NO_HEADER,
    "a batch (FHS, BHS)": ack.BATCH,
    "another message type": ack.UNKNOWN_TYPE,
    "another event of a type above": ack.UNKNOWN_EVENT,
    "MSH-10 was used by another message of this sender": ack.REUSED_CONTROL_ID,
    "larger than EMR_BRIDGE_MLLP_MAX_MESSAGE_BYTES": ack.TOO_LARGE,
    "it cannot be kept now (database, disk)": ack.CANNOT_STORE,
}
THEN = {
    redelivery.Decision.RETRY: "sent again, with the same MSH-10",
    redelivery.Decision.PARK: "not sent again: the next channel, or a person",
}
Places = Sequence[tuple[str, int]]


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_read(), *_answers(), *_sent(), *_samples()]) + "\n"


def _read() -> Iterator[str]:
    yield "# HL7 v2 by the tables\n\nGenerated. How to connect: [guide](../guide/connect-an-emr.md)."
    yield "\n## Messages that are read\n\n| MSH-9.1 | MSH-9.2 |\n|---|---|"
    for name, events in EVENTS.items():
        yield f"| {name} | {', '.join(sorted(events))} |"
    yield "\nORC-1 `CA` or `DC`, REF^I14, or RF1-1 `C` asks to cancel. REF^I13 goes to a person.\n"
    yield "## Where it is looked for\n\nIn this order; the first that is there counts."
    yield "\n| what | fields |\n|---|---|"
    yield f"| the order's number | {_fields([place[:2] for place in numbers.PLACES])}, else MSH-10 |"
    yield f"| the drug | {_fields(medication.PLACES)}, else an OBX about it |"
    yield f"| directions | {_fields(directions.DIRECTIONS)} |"
    yield f"| the diagnosis | DG1, else {_fields(diagnosis.INDICATIONS)} |"
    yield f"| the prescriber | PRD (RP, PP, CP), else {_fields(prescriber.PLACES)} |"


def _answers() -> Iterator[str]:
    yield "\n## What we answer\n\n`AA`: kept on disk. Everything else:\n"
    yield "| because | MSA-1 | ERR-3 | text |\n|---|---|---|---|"
    for why, refusal in REFUSALS.items():
        yield f"| {why} | {refusal.code} | {refusal.error} | {refusal.text} |"


def _sent() -> Iterator[str]:
    yield "\n## What we send\n\nORU^R01 for each notice:\n"
    yield "| event | notice | promised within |\n|---|---|---|"
    for event, telling in TOLD.items():
        within = DEFAULT_TERMS[telling.owed].within if telling.owed else None
        hours = f"{within.total_seconds() / 3600:g} h" if within else ""
        yield f"| `{event.type}` | {telling.notice} | {hours} |"
    yield "\nBeside it, for a notice with an appointment, SIU:\n"
    yield "| notice | message | SCH-25 |\n|---|---|---|"
    for notice, booking in BY_NOTICE.items():
        yield f"| {notice} | SIU^{booking.trigger} | {booking.status} |"
    yield f"| any other | SIU^{BOOKED.trigger} | {BOOKED.status} |"
    yield "\n## What your answer means to us\n\n| answer | what we do |\n|---|---|"
    yield f"| {', '.join(sorted(redelivery.ACCEPTED))} | delivered: the promise is kept |"
    for decision, then in THEN.items():
        errors = [code for code, meant in redelivery.BY_ERROR.items() if meant is decision]
        codes = [code for code, meant in redelivery.BY_DEFINITION.items() if meant is decision]
        yield f"| ERR-3 {', '.join(errors)}; without ERR-3: {', '.join(codes)} | {then} |"
    longest = int(redelivery.LONGEST.total_seconds() // 3600)
    yield f"| none | sent again, same MSH-10, up to {redelivery.MOST_TRIES} times in {longest} h |"


def _samples() -> Iterator[str]:
    yield "\n## Samples\n\nSynthetic. Segments end in CR on the wire; here each is a line."
    envelope = Envelope(control_id="SAMPLE0001", sent_at=NOON)
    for kind, build in BUILDERS.items():
        yield _block(kind, build(numbered(1), envelope))
    sent = read_header(BUILDERS["REF^I12"](numbered(1), envelope))
    yield _block("Our answer", ack.acknowledge(sent, None, control_id="01ANSWER", now=NOON))
    yield _block("What we send", report(_outgoing()))


def _outgoing() -> Outgoing:
    content = NoticeContent(
        addressed_to="Jane Miller, Lakeside Rheumatology",
        title="Referral received",
        lines=("We have the referral and have begun to work on it.", "Who acts: the pharmacy."),
        patient=PatientCard(family_name="ZZTESTPATIENT", given_names=("JANE",)),
    )
    request = EmrDeliveryRequested(
        occurred_at=NOON,
        referral_id=EXAMPLE,
        clinic_id="lakeside-rheumatology",
        delivery_id=EXAMPLE,
        notice_id=EXAMPLE,
        notice="referral_received",
        referral_code="8PAF57",
        referral_status="received",
        happened_at=NOON,
    )
    link = Link("lakeside-rheumatology/lakeside-epic", request.clinic_id, "ZZEMR", "ZZCLINIC")
    return Outgoing(
        control_id="01OURCONTROLID000001",
        made_at=NOON,
        own=("REFERRALLOOP", "PHARMACY"),
        link=link,
        request=request,
        content=content,
        placer="ZZORD000001^ZZEMR",
        patient_ids="ZZ100001^^^ZZCLINIC^MR",
    )


def _fields(places: Places) -> str:
    return ", ".join(f"{segment}-{field}" for segment, field in places)


def _block(title: str, message: bytes) -> str:
    lines = message.decode().rstrip("\r").replace("\r", "\n")
    return f"\n### {title}\n\n```hl7\n{lines}\n```"
