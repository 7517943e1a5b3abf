"""The generated page about HL7 v2: what is read and answered, from the tables in the code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from common import papers
from common.events import overrides
from emr_bridge.formats.hl7v2 import ack
from emr_bridge.formats.hl7v2.ack import Refusal
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.interpret import document, families, order, osu, ref, siu
from emr_bridge.formats.hl7v2.interpret.fields import (
    diagnosis,
    directions,
    documents,
    numbers,
    orders,
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
    "MSH-11 is not taken (the link's `processing_ids`, EMR_BRIDGE_PROCESSING_IDS)": ack.WRONG_PROCESSING_ID,
    "MSH-12 is not spoken (the link's `versions`)": ack.WRONG_VERSION,
    "MSH-3 and MSH-4 are not the certificate's or the address's": ack.FOREIGN_SENDER,
    "MSH-10 was used by another message of this sender": ack.REUSED_CONTROL_ID,
    "larger than EMR_BRIDGE_MLLP_MAX_MESSAGE_BYTES or the link's `max_message_bytes`": ack.TOO_LARGE,
    "the link has as many connections as it may": ack.TOO_MANY_CONNECTIONS,
    "it cannot be kept now (database, disk)": ack.CANNOT_STORE,
}
ORDERS: Mapping[str, str] = {
    order.CHANGED: "changes the order with that number",
    order.TAKEN_BACK: "asks to cancel",
}


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_read(), *_answers(), *_samples()]) + "\n"


def _read() -> Iterator[str]:
    yield "# HL7 v2 by the tables\n\nGenerated. How to connect: [guide](../guide/connect-an-emr.md)."
    yield "What we send, and what an answer to it means: [another page](hl7v2-sent.md)."
    yield "\n## Messages that are read\n\n| MSH-9 | what it does |\n|---|---|"
    for name, meanings in families.MEANINGS.items():
        for meaning, events in _grouped(meanings).items():
            yield f"| {name}^{', '.join(events)} | {meaning} |"
    yield "\nWhat an order asks for, by ORC-1 (any other code makes an order):\n"
    yield "| ORC-1 | what it does |\n|---|---|"
    for meaning, codes in _grouped(order.MEANINGS).items():
        then = ORDERS.get(meaning, f"to a person ({meaning})")
        yield f"| {', '.join(codes)} | {then} |"
    yield f"\nRF1-1 {_codes(ref.CANCELLED)} cancels too. ORC-5 {_codes(osu.ENDED)} of an OSU cancels."
    yield from _places()
    yield from _ways()


def _places() -> Iterator[str]:
    yield "\n## Where it is looked for\n\nIn this order; the first that is there counts."
    yield "\n| what | fields |\n|---|---|"
    yield f"| the order's number | {_fields([place[:2] for place in numbers.PLACES])}, else MSH-10 |"
    yield f"| the drug | {_fields(orders.PLACES)}, else an OBX about it |"
    yield f"| directions | {_fields(directions.DIRECTIONS)} |"
    yield f"| the diagnosis | DG1, else {_fields(diagnosis.INDICATIONS)} |"
    yield f"| the prescriber | PRD (RP, PP, CP), else {_fields(prescriber.PLACES)} |"
    yield f"| a document's order | {_fields([document.ORDER_OF_DOCUMENT])}, then as above |"
    yield f"| an appointment's order | {_fields(siu.ORDER)} |"
    yield f"| the appointment | {_fields(siu.APPOINTMENT)} |"
    yield f"| when it begins, ends | {_fields(siu.STARTS)}; {_fields(siu.ENDS)} |"
    kinds = ", ".join(sorted({*papers.SIGNATURES.values(), papers.TEXT}))
    yield f"\nDocuments stand in OBX-5 (ED: {', '.join(documents.ENCODINGS)}) and are taken as {kinds}."
    yield '\n`""` deletes what we know; an empty field changes nothing.'


def _ways() -> Iterator[str]:
    yield "\n## A link's own ways\n\nIn its `dialect`: `overrides` say where a value stands, such as"
    yield "`prescriber.npi: ORC-12.1, OBR-16.1` or `drug.code: RXO-1.1 system NDC`. Values that can move:"
    yield f"{_codes(overrides.KEYS)}.\n\n`code_sets` say what its own codes are:"
    yield "\n| table | fields |\n|---|---|"
    for table, fields in overrides.CODE_SETS.items():
        yield f"| {table} | {_fields([field[:2] for field in fields])} |"


def _grouped(meanings: Mapping[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for code, meaning in meanings.items():
        grouped.setdefault(meaning, []).append(code)
    return grouped


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes)


def _answers() -> Iterator[str]:
    yield "\n## What we answer\n\n`AA` (in enhanced mode `CA`): kept on disk. Everything else:\n"
    yield "| because | MSA-1 | enhanced | ERR-3 | text |\n|---|---|---|---|---|"
    for why, refusal in REFUSALS.items():
        codes = f"{refusal.code} | {refusal.code_in(is_enhanced=True)} | {refusal.error}"
        yield f"| {why} | {codes} | {refusal.text} |"


def _samples() -> Iterator[str]:
    yield "\n## Samples\n\nSynthetic. Segments end in CR on the wire; here each is a line."
    envelope = Envelope(control_id="SAMPLE0001", sent_at=NOON)
    for kind, build in BUILDERS.items():
        yield _block(kind, build(numbered(1), envelope))
    sent = read_header(BUILDERS["REF^I12"](numbered(1), envelope))
    yield _block("Our answer", ack.acknowledge(sent, None, control_id="01ANSWER", now=NOON))


def _fields(places: Sequence[Sequence[str | int]]) -> str:
    """Return `SCH-11.4`; a first component is not told, it is the field."""
    written = []
    for segment, field, *component in places:
        part = f".{component[0]}" if component and component[0] != 1 else ""
        written.append(f"{segment}-{field}{part}")
    return ", ".join(written)


def _block(title: str, message: bytes) -> str:
    lines = message.decode().rstrip("\r").replace("\r", "\n")
    return f"\n### {title}\n\n```hl7\n{lines}\n```"
