"""What is told of a message that was read: one fact, and before it the documents that it brought.

Values travel sealed; in the clear are ids, codes, and the places where values stood.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
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
        return [CancellationSubmitted(**about, external_id=reading.external_id)]
    about["message_type"] = read.message_type
    if isinstance(reading, Doubtful):
        return [ReviewRequested(**about, reason=reading.reason)]
    found = reading.found
    about |= {
        "places": dict(found.places),
        "deleted": found.deleted,
        "repairs": read.repairs,
        "papers": tuple(_paper(*one) for one in enumerate(found.documents, start=1)),
    }
    fact, person = _fact(read, reading, about)
    parts = _parts(read, found, sealer=sealer, now=now)
    return [*parts, _sealed(fact, person, sealer) if person else fact]


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
            said = {"control": reading.control, "status": reading.status}
            return OrderStatusTold(**about, external_id=reading.external_id, **said), None
        case StatusAsked():
            return StatusRequested(**about, external_id=reading.external_id), None
        case _:
            raise AssertionError("cancellations and doubts have no content")


def _appointment(reading: AppointmentSaid, about: dict[str, Any]) -> AppointmentTold:
    names = ("change", "order_numbers", "appointment_id", "starts", "ends", "status")
    return AppointmentTold(**about, **{name: getattr(reading, name) for name in names})


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
        _sealed(
            DocumentPart(
                occurred_at=now,
                message_id=read.message_id,
                sender=read.sender,
                number=number,
                part=part,
            ),
            PaperPart(content=b64encode(content), name=document.name if part == 1 else None),
            sealer,
        )
        for number, document in enumerate(found.documents, start=1)
        for part, content in enumerate(_cut(document.content), start=1)
    ]


def _cut(content: bytes) -> list[bytes]:
    return [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]


def _sealed(event: EmrEvent, person: BaseModel, sealer: Sealer) -> EmrEvent:
    return event.model_copy(update={"sealed": event.with_sealed(sealer, person).sealed})
