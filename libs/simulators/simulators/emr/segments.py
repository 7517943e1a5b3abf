"""The segments of the sample messages, each from its parts, by field number (HL7 2.5.1)."""

from collections.abc import Mapping
from datetime import datetime

from simulators.emr.datatypes import address, clinician, coded, day, escape, name, phone
from simulators.emr.samples import Coded, Contact, Coverage, Patient, Prescriber, Sample


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Write a segment from its fields by number; the ones between are empty."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def pid(patient: Patient, facility: str) -> str:
    """PID: who the patient is and how to reach them."""
    home = phone(patient.home_phone, "PRN", "PH")
    mobile = phone(patient.mobile_phone, "PRN", "CP")
    fields = {
        1: "1",
        3: f"{escape(patient.mrn)}^^^{escape(facility)}^MR",
        5: name(patient.family, patient.given),
        7: day(patient.born),
        8: patient.sex,
        11: address(patient.address, "H"),
        13: f"{home}~{mobile}",
    }
    return segment("PID", fields)


def pv1(prescriber: Prescriber) -> str:
    """PV1: an outpatient visit with its attending and referring clinician."""
    return segment("PV1", {1: "1", 2: "O", 7: clinician(prescriber), 8: clinician(prescriber)})


def prd(prescriber: Prescriber) -> str:
    """PRD of role RP: the referring prescriber, with phone, fax and NPI."""
    fields = {
        1: "RP^Referring provider^HL70286",
        2: name(prescriber.family, prescriber.given, "MD"),
        3: address(prescriber.address, "B"),
        4: f"^^^{escape(prescriber.clinic)}",
        5: f"{phone(prescriber.phone, 'WPN', 'PH')}~{phone(prescriber.fax, 'WPN', 'FX')}",
        7: f"{prescriber.npi}^NPI",
    }
    return segment("PRD", fields)


def ctd(contact: Contact) -> str:
    """CTD: the person at the clinic to be called."""
    fields = {
        1: "CP^Contact person^HL70131",
        2: name(contact.family, contact.given),
        5: phone(contact.phone, "WPN", "PH"),
    }
    return segment("CTD", fields)


def in1(number: int, coverage: Coverage, patient: Patient) -> str:
    """IN1: one insurance; HL7 has no BIN or PCN, so they are typed repetitions of IN1-3."""
    ids = [f"{coverage.payer_id}^^^^NIIP"]
    ids += [f"{coverage.bin}^^^^BIN"] if coverage.bin else []
    ids += [f"{coverage.pcn}^^^^PCN"] if coverage.pcn else []
    fields = {
        1: str(number),
        2: f"{coverage.payer_id}^{escape(coverage.plan)}",
        3: "~".join(ids),
        4: escape(coverage.payer),
        8: escape(coverage.group),
        16: name(patient.family, patient.given),
        17: "SEL^Self^HL70063",
        18: day(patient.born),
        36: escape(coverage.member_id),
    }
    return segment("IN1", fields)


def dg1(number: int, diagnosis: Coded) -> str:
    """DG1: one working diagnosis in ICD-10-CM."""
    return segment("DG1", {1: str(number), 3: coded(diagnosis), 6: "W"})


def al1(number: int, allergy: Coded) -> str:
    """AL1: one drug allergy."""
    return segment("AL1", {1: str(number), 2: "DA^Drug allergy^HL70127", 3: coded(allergy)})


def nte(text: str) -> str:
    """NTE: a free text from the placer."""
    return segment("NTE", {1: "1", 2: "P", 3: escape(text)})


def obx(number: int, kind: str, what: str, value: str, unit: str = "") -> str:
    """OBX: one final observation."""
    fields = {1: str(number), 2: kind, 3: what, 5: value, 6: unit, 11: "F"}
    return segment("OBX", fields)


def orc(
    sample: Sample, control: str, *, placer: str, ordered: datetime, timing: bool = False
) -> str:
    """ORC: the order's number, who ordered it, and how the clinic is reached."""
    doctor, contact = sample.prescriber, sample.contact
    priority = "S" if sample.stat else "R"
    phones = [phone(doctor.phone, "WPN", "PH"), phone(doctor.fax, "WPN", "FX")]
    fields = {
        1: control,
        2: placer,
        # ORM_O01 has no TQ1: the days of supply are the duration in ORC-7.
        7: f"^{sample.drug.frequency}^D{sample.drug.days_supply}^^^{priority}" if timing else "",
        9: day(ordered),
        10: f"^{escape(contact.family)}^{escape(contact.given)}",
        12: clinician(doctor),
        14: phone(contact.phone, "WPN", "PH"),
        21: escape(doctor.clinic),
        22: address(doctor.address, "B"),
        23: "~".join(phones),
    }
    return segment("ORC", fields)
