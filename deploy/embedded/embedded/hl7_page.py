"""The generated page about HL7 v2: what is read and answered, from the tables in the code."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret import EVENTS
from emr_bridge.formats.hl7v2.interpret.fields import (
    diagnosis,
    directions,
    medication,
    numbers,
    prescriber,
)
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

REFUSALS: Mapping[str, Refusal] = {
    "no MSH that can be read": ack.NO_HEADER,
    "a batch (FHS, BHS)": ack.BATCH,
    "another message type": ack.UNKNOWN_TYPE,
    "another event of a type above": ack.UNKNOWN_EVENT,
    "MSH-10 was used by another message of this sender": ack.REUSED_CONTROL_ID,
    "larger than EMR_BRIDGE_MLLP_MAX_MESSAGE_BYTES": ack.TOO_LARGE,
    "it cannot be kept now (database, disk)": ack.CANNOT_STORE,
}
Places = Sequence[tuple[str, int]]


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_read(), *_answers(), *_samples()]) + "\n"


def _read() -> Iterator[str]:
    yield "# HL7 v2 by the tables\n\nGenerated. How to connect: [guide](../guide/connect-an-emr.md)."
    yield "What we send, and what an answer to it means: [another page](hl7v2-sent.md)."
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


def _samples() -> Iterator[str]:
    yield "\n## Samples\n\nSynthetic. Segments end in CR on the wire; here each is a line."
    envelope = Envelope(control_id="SAMPLE0001", sent_at=NOON)
    for kind, build in BUILDERS.items():
        yield _block(kind, build(numbered(1), envelope))
    sent = read_header(BUILDERS["REF^I12"](numbered(1), envelope))
    yield _block("Our answer", ack.acknowledge(sent, None, control_id="01ANSWER", now=NOON))


def _fields(places: Places) -> str:
    return ", ".join(f"{segment}-{field}" for segment, field in places)


def _block(title: str, message: bytes) -> str:
    lines = message.decode().rstrip("\r").replace("\r", "\n")
    return f"\n### {title}\n\n```hl7\n{lines}\n```"
