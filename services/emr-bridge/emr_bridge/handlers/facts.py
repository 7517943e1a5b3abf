"""What is told of a message that was read: one fact, and before it the documents that it brought.

Values travel sealed; in the clear are ids, codes, and the places where values stood.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from common.events.emr import (
    AppointmentTold,
    CancellationSubmitted,
    DocumentPart,
    DocumentsSubmitted,
    EmrEvent,
    OrderStatusTold,
    Paper,
    PatientMerged,
    PatientUpdated,
    ReferralSubmitted,
    ReviewRequested,
    StatusRequested,
)
from common.events.submission import PaperPart, PatientMerge, Submission
from common.sealing import Sealer
from emr_bridge.formats.hl7v2.interpret.reading import (
    AppointmentSaid,
    CancellationAsked,
    Document,
    Doubtful,
    Found,
    PatientsMerged,
    PatientTold,
    Reading,
    Requested,
    Results,
    StatusAsked,
    StatusTold,
)

LARGEST_FACT = 900_000
"""What a record takes (a megabyte), less its envelope. Who says more is given to a person."""

LONGEST_NUMBER, LONGEST_CODE, MOST_NUMBERS = 200, 20, 20
"""What a sender may write in the clear: its own numbers and codes, cut to what such things are."""

PART_BYTES = 384 * 1024
"""Of a document in one event: sealed and encoded twice it stays below a record's megabyte."""


@dataclass(frozen=True, slots=True)
class Read:
    """A message that was read, as far as its fact needs it."""

    message_id: UUID
    sender: str
    message_type: str
    received_at: datetime
    clinic_id: str | None
    link_id: str | None
    repairs: tuple[str, ...] = ()


def facts(read: Read, reading: Reading, *, sealer: Sealer, now: datetime) -> list[EmrEvent]:
    """Return the events that tell of a reading; the last is the fact itself."""
    about = {
        "occurred_at": now,
        "message_id": read.message_id,
        "sender": read.sender,
        "clinic_id": read.clinic_id,
    }
    if isinstance(reading, CancellationAsked):
        return [CancellationSubmitted(**about, external_id=reading.external_id[:LONGEST_NUMBER])]
    about["message_type"] = read.message_type
    if isinstance(reading, Doubtful):
        return [ReviewRequested(**about, reason=reading.reason)]
    found = reading.found
    if found.documents and not isinstance(reading, Requested | Results):
        # Nobody files them, and pieces that nobody asks for would be kept for ever.
        found = replace(found, documents=())
    about |= {
        "places": dict(found.places),
        "deleted": found.deleted,
        "repairs": read.repairs,
        "papers": tuple(_paper(*one) for one in enumerate(found.documents, start=1)),
    }
    fact, person = _fact(read, reading, about)
    fact = fact.with_sealed(sealer, person) if person else fact
    if _size(fact) > LARGEST_FACT:
        known = {name: about[name] for name in ReviewRequested.model_fields if name in about}
        return [ReviewRequested(**known, reason="says_too_much")]
    return [*_parts(read, found, sealer=sealer, now=now), fact]


def _size(fact: EmrEvent) -> int:
    """Return about how much an event takes in a record: a message of 16 MiB may say as much."""
    clear = fact.model_dump_json(exclude={"sealed"})
    return len(clear) + (len(fact.sealed.ciphertext) if fact.sealed else 0)


def _fact(read: Read, reading: Reading, about: dict[str, Any]) -> tuple[EmrEvent, BaseModel | None]:
    """Return the event of a reading, and what of people travels sealed with it."""
    match reading:
        case Requested():
            purpose = "change" if reading.is_change else "new"
            event = ReferralSubmitted(**about, link_id=read.link_id, purpose=purpose)
            return event, _of_clinic(reading.submission, read)
        case Results():
            return DocumentsSubmitted(**about), _of_clinic(reading.submission, read)
        case PatientTold():
            return PatientUpdated(**about), _of_clinic(reading.submission, read)
        case PatientsMerged():
            merge = PatientMerge(patient=reading.patient, merged=reading.merged)
            return PatientMerged(**about), merge
        case AppointmentSaid():
            return _appointment(reading, about), reading.visit
        case StatusTold():
            said = {"control": _code(reading.control) or "", "status": _code(reading.status)}
            number = reading.external_id[:LONGEST_NUMBER]
            return OrderStatusTold(**about, external_id=number, **said), None
        case StatusAsked():
            number = reading.external_id[:LONGEST_NUMBER]
            return StatusRequested(**about, external_id=number), None
        case _:
            raise AssertionError("cancellations and doubts have no content")


def _appointment(reading: AppointmentSaid, about: dict[str, Any]) -> AppointmentTold:
    numbers = tuple(number[:LONGEST_NUMBER] for number in reading.order_numbers[:MOST_NUMBERS])
    own = reading.appointment_id
    return AppointmentTold(
        **about,
        change=reading.change,
        order_numbers=numbers,
        appointment_id=own[:LONGEST_NUMBER] if own else None,
        starts=reading.starts,
        ends=reading.ends,
        status=_code(reading.status),
    )


def _code(said: str | None) -> str | None:
    """Return a code as sent; words are no code, and may name somebody."""
    return said if said and len(said) <= LONGEST_CODE and " " not in said else None


def _of_clinic(submission: Submission, read: Read) -> Submission:
    known = {"clinic_id": read.clinic_id, "received_at": read.received_at}
    return submission.model_copy(update=known)


def _paper(number: int, document: Document) -> Paper:
    return Paper(
        number=number,
        media_type=document.media_type,
        size=len(document.content),
        sha256=hashlib.sha256(document.content).hexdigest(),
        parts=len(_cut(document.content)),
    )


def _parts(read: Read, found: Found, *, sealer: Sealer, now: datetime) -> Sequence[EmrEvent]:
    return [
        DocumentPart(
            occurred_at=now,
            message_id=read.message_id,
            sender=read.sender,
            number=number,
            part=part,
        ).with_sealed(
            sealer,
            PaperPart(content=b64encode(content), name=document.name if part == 1 else None),
        )
        for number, document in enumerate(found.documents, start=1)
        for part, content in enumerate(_cut(document.content), start=1)
    ]


def _cut(content: bytes) -> list[bytes]:
    return [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
