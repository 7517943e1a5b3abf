"""ORU^R01 and MDM^T02: results and documents of a patient, attached to the open referral.

| what | read from |
|---|---|
| the referral | ORC-2, OBR-2 (MDM: TXA-14 before them); else the patient, PID-3 |
| results | OBX with NM, SN, ST, CE, CWE |
| documents | OBX-5 as ED; the words of an MDM (TX, FT) as a text of their own |
| notes | NTE-3, and the words of an ORU |
"""

from common.events.submission import Clinicals, Identifier, Submission
from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.fields import clinicals, documents, patient
from emr_bridge.formats.hl7v2.interpret.fields.values import unique
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import Doubtful, Found, Reading, Results
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.message import Message

ORDER_OF_DOCUMENT = ("TXA", 14)


def results(message: Message, overrides: Overrides) -> Reading:
    """Read a report: results, documents, words."""
    sources = Sources()
    submission = _submission(message, overrides, sources)
    return _unless_empty(submission, compose.found(message, overrides, sources))


def document(message: Message, overrides: Overrides) -> Reading:
    """Read a document: what is embedded, and what it says in words."""
    sources = Sources()
    submission = _submission(message, overrides, sources)
    found = compose.found(message, overrides, sources)
    words = [value.text() or "" for obx in message.all("OBX") for value in clinicals.words(obx)]
    if text := documents.as_text(documents.title(message), words):
        found = Found(found.places, found.deleted, (*found.documents, text), found.findings)
    return _unless_empty(submission, found)


def _submission(message: Message, overrides: Overrides, sources: Sources) -> Submission:
    observations = message.all("OBX")
    read = Submission(
        patient=patient.read(message, sources),
        external_ids=_order_numbers(message, overrides, sources),
        clinicals=Clinicals(
            labs=tuple(clinicals.labs(observations, sources))[: clinicals.MOST_LABS],
            notes=_notes(message, sources),
        ),
    )
    return overrides.apply(read, message, sources)


def _order_numbers(
    message: Message, overrides: Overrides, sources: Sources
) -> tuple[Identifier, ...]:
    """Return the order's numbers; TXA-14 of a document, which says it of itself, first."""
    usual = compose.order_numbers(message, overrides, sources)
    value = message.first(ORDER_OF_DOCUMENT[0]).value(ORDER_OF_DOCUMENT[1])
    number = value.component(1)
    if number is None or number in {one.value for one in usual}:
        return usual
    sources.move("/external_ids/0", value.place)
    return (Identifier(value=number, system=value.component(2), type="PLAC"), *usual)


def _notes(message: Message, sources: Sources) -> str | None:
    """Return the words: notes, a report's texts, and where a document lies that is not enclosed."""
    if message.first("MSH").text(9) == "MDM":
        values = [value for nte in message.all("NTE") for value in nte.values(3)]
    else:
        values = [value for segment in message.segments for value in clinicals.words(segment)]
    elsewhere = list(documents.pointers(message))
    sources.note("/clinicals/notes", *(v for v in (*values, *elsewhere) if not v.is_null))
    said = unique(value.text() for value in values)
    lies = unique(f"Document elsewhere: {value.component(1)}" for value in elsewhere)
    return "\n".join((*said, *lies))[: clinicals.MOST_NOTES] or None


def _unless_empty(submission: Submission, found: Found) -> Reading:
    known = submission.patient.identifiers or submission.external_ids
    if not known:
        return Doubtful("document_without_number")
    said = submission.clinicals
    if not (said.labs or said.notes or found.documents):
        return Doubtful("document_empty" if not found.findings else "document_unusable")
    return Results(submission, found)
