"""ADT: who a patient is, and which numbers are one person's (HL7 v2.5.1, chapter 3).

| trigger | meaning | read from |
|---|---|---|
| A04, A08, A28, A31 | registered, updated | PID, NK1; IN1, IN2 |
| A40 | merged | PID-3 is who stays, MRG-1 what is merged into it |

An order in it, or a diagnosis, is no order to us: only the patient and the insurance are read.
"""

from collections.abc import Mapping

from common.events.submission import Submission
from emr_bridge.formats.hl7v2.interpret import compose
from emr_bridge.formats.hl7v2.interpret.fields import coverage, patient
from emr_bridge.formats.hl7v2.interpret.overrides import Overrides
from emr_bridge.formats.hl7v2.interpret.reading import (
    Doubtful,
    PatientsMerged,
    PatientTold,
    Reading,
)
from emr_bridge.formats.hl7v2.interpret.sources import Sources
from emr_bridge.formats.hl7v2.interpret.triggers import Interpreter
from emr_bridge.formats.hl7v2.message import Message


def update(message: Message, overrides: Overrides) -> Reading:
    """Read who the patient is and how insured; without a number nobody can be found."""
    sources = Sources()
    read = Submission(
        patient=patient.read(message, sources), coverages=coverage.read(message, sources)
    )
    whole = overrides.apply(read, message, sources)
    submission = Submission(patient=whole.patient, coverages=whole.coverages)
    if not submission.patient.identifiers:
        return Doubtful("no_patient")
    return PatientTold(submission, compose.found(message, overrides, sources))


def merge(message: Message, overrides: Overrides) -> Reading:
    """Read which numbers are merged into which patient; each pair of PID and MRG is one merge."""
    pairs, merges = message.all("PID"), message.all("MRG")
    if len(pairs) > 1 or len(merges) > 1:
        return Doubtful("several_merges")
    sources = Sources()
    person = patient.read(message, sources)
    values = message.first("MRG").values(1)
    merged = tuple(one for value in values if (one := patient.identifier(value)))
    if not merged or not person.identifiers:
        return Doubtful("merge_without_numbers")
    sources.note("/merged", *values)
    return PatientsMerged(person, merged, compose.found(message, overrides, sources))


TRIGGERS: Mapping[str, Interpreter] = {
    **dict.fromkeys(("A04", "A08", "A28", "A31"), update),
    "A40": merge,
}
MEANINGS: Mapping[str, str] = {
    **dict.fromkeys(
        ("A04", "A08", "A28", "A31"), "updates patient and insurance of open referrals"
    ),
    "A40": "merges patient numbers; two open referrals go to a person",
}
