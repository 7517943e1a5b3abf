"""Whole sample messages as an EMR sends them: REF^I12, ORM^O01, OMP^O09, RDE^O11 (HL7 2.5.1).

Each keeps to its 2.5.1 structure: REF_I12 has no RXO, so the drug travels as observations;
OMP_O09 and RDE_O11 have no DG1, so the diagnosis is the indication in RXO-20 and RXE-27.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from simulators.emr import pharmacy
from simulators.emr import segments as seg
from simulators.emr.datatypes import day, escape
from simulators.emr.samples import Sample


@dataclass(frozen=True, slots=True)
class Envelope:
    """MSH: who sends to whom, when, under which control id; ACK modes are table 0155."""

    control_id: str
    sent_at: datetime
    sending: tuple[str, str] = ("ZZEMR", "ZZCLINIC")
    receiving: tuple[str, str] = ("REFERRAL_LOOP", "PHARMACY")
    processing: str = "P"
    accept_ack: str = ""
    application_ack: str = ""
    charset: str = "UNICODE UTF-8"
    codec: str = "utf-8"


Builder = Callable[[Sample, Envelope], bytes]


def ref_i12(sample: Sample, envelope: Envelope, *, trigger: str = "I12") -> bytes:
    """Write a referral; `trigger` I13 modifies it, I14 cancels it, I15 asks for its status."""
    sent = day(envelope.sent_at)
    priority = "S^Stat^HL70280" if sample.stat else "R^Routine^HL70280"
    rf1 = {
        1: "P^Pending^HL70283",
        2: priority,
        3: "MED^Medical^HL70281",
        5: "O^Outpatient^HL70284",
        6: _placer(sample, envelope),
        7: sent,
        9: sent,
    }
    parts = [
        seg.segment("RF1", rf1),
        seg.prd(sample.prescriber),
        seg.ctd(sample.contact),
        seg.pid(sample.patient, envelope.sending[1]),
        *_coverages(sample),
        *_diagnoses(sample),
        *_allergies(sample),
        *pharmacy.observations(sample, _placer(sample, envelope)),
        seg.pv1(sample.prescriber),
        seg.nte(sample.tried_and_failed),
    ]
    return _message(f"REF^{trigger}^REF_I12", envelope, parts)


def orm_o01(sample: Sample, envelope: Envelope, *, control: str = "NW") -> bytes:
    """Write a general order with RXO; `control` (ORC-1) CA asks to cancel it."""
    parts = [
        *_who(sample, envelope),
        _order(sample, envelope, control, timing=True),
        pharmacy.rxo(sample.drug, sample.diagnoses[0]),
        seg.nte(sample.tried_and_failed),
        seg.ctd(sample.contact),
        *_diagnoses(sample),
        pharmacy.weight(1, sample),
    ]
    return _message("ORM^O01^ORM_O01", envelope, parts)


def omp_o09(sample: Sample, envelope: Envelope, *, control: str = "NW") -> bytes:
    """Write a pharmacy order; `control` (ORC-1) CA asks to cancel it."""
    parts = [
        *_who(sample, envelope),
        _order(sample, envelope, control),
        pharmacy.tq1(sample.drug, stat=sample.stat),
        pharmacy.rxo(sample.drug, sample.diagnoses[0]),
        seg.nte(sample.tried_and_failed),
        pharmacy.rxr(sample.drug),
        pharmacy.weight(1, sample),
    ]
    return _message("OMP^O09^OMP_O09", envelope, parts)


def rde_o11(sample: Sample, envelope: Envelope, *, control: str = "NW") -> bytes:
    """Write an encoded pharmacy order; `control` (ORC-1) CA asks to cancel it."""
    parts = [
        *_who(sample, envelope),
        _order(sample, envelope, control),
        pharmacy.rxe(sample.drug, sample.diagnoses[0], sample.order_number),
        seg.nte(sample.tried_and_failed),
        pharmacy.tq1(sample.drug, stat=sample.stat),
        pharmacy.rxr(sample.drug),
        pharmacy.weight(1, sample),
    ]
    return _message("RDE^O11^RDE_O11", envelope, parts)


#: The builders by MSH-9.
BUILDERS: dict[str, Builder] = {
    "REF^I12": ref_i12,
    "ORM^O01": orm_o01,
    "OMP^O09": omp_o09,
    "RDE^O11": rde_o11,
}


def _message(kind: str, envelope: Envelope, parts: list[str]) -> bytes:
    parties = "|".join(map(escape, (*envelope.sending, *envelope.receiving)))
    at = envelope.sent_at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    acks = f"{envelope.accept_ack}|{envelope.application_ack}"
    head = f"MSH|^~\\&|{parties}|{at}||{kind}|{escape(envelope.control_id)}"
    msh = f"{head}|{envelope.processing}|2.5.1|||{acks}||{envelope.charset}"
    return ("\r".join([msh, *parts]) + "\r").encode(envelope.codec)


def _placer(sample: Sample, envelope: Envelope) -> str:
    return f"{escape(sample.order_number)}^{escape(envelope.sending[0])}"


def _who(sample: Sample, envelope: Envelope) -> list[str]:
    patient = seg.pid(sample.patient, envelope.sending[1])
    return [patient, seg.pv1(sample.prescriber), *_coverages(sample), *_allergies(sample)]


def _coverages(sample: Sample) -> list[str]:
    return [seg.in1(n, item, sample.patient) for n, item in enumerate(sample.coverages, start=1)]


def _diagnoses(sample: Sample) -> list[str]:
    return [seg.dg1(n, item) for n, item in enumerate(sample.diagnoses, start=1)]


def _allergies(sample: Sample) -> list[str]:
    return [seg.al1(n, item) for n, item in enumerate(sample.allergies, start=1)]


def _order(sample: Sample, envelope: Envelope, control: str, *, timing: bool = False) -> str:
    placer = _placer(sample, envelope)
    return seg.orc(sample, control, placer=placer, ordered=envelope.sent_at, timing=timing)
