"""The drug in segments: RXO, RXE, TQ1, RXR, or observations where a structure has none of them."""

from simulators.emr.datatypes import clinician, coded, escape
from simulators.emr.samples import Coded, Drug, Sample
from simulators.emr.segments import obx, segment

PRESCRIPTION = "57833-6^Prescription for medication^LN"
WEIGHT = "29463-7^Body weight^LN"


def rxo(drug: Drug, indication: Coded) -> str:
    """RXO: the pharmacy order as the prescriber wrote it."""
    fields = {
        1: coded(drug.product),
        2: drug.dose,
        4: drug.dose_unit,
        5: coded(drug.form),
        7: f"^{escape(drug.sig)}",
        9: "G",
        11: drug.quantity,
        12: drug.unit,
        13: str(drug.refills),
        20: coded(indication),
    }
    return segment("RXO", fields)


def rxe(drug: Drug, indication: Coded, prescription: str) -> str:
    """RXE: the order as encoded by the pharmacy system; it outweighs RXO."""
    fields = {
        2: coded(drug.product),
        3: drug.dose,
        5: drug.dose_unit,
        6: coded(drug.form),
        7: f"^{escape(drug.sig)}",
        9: "G",
        10: drug.quantity,
        11: drug.unit,
        12: str(drug.refills),
        15: escape(prescription),
        27: coded(indication),
    }
    return segment("RXE", fields)


def tq1(drug: Drug, *, stat: bool) -> str:
    """TQ1: how often, for how many days (the days of supply), how soon."""
    priority = "S^Stat^HL70485" if stat else "R^Routine^HL70485"
    fields = {
        1: "1",
        3: drug.frequency,
        6: f"{drug.days_supply}^d&day&UCUM",
        9: priority,
        11: escape(drug.sig),
    }
    return segment("TQ1", fields)


def rxr(drug: Drug) -> str:
    """RXR: the route."""
    return segment("RXR", {1: coded(drug.route)})


def observations(sample: Sample, placer: str) -> list[str]:
    """OBR and OBX: the drug for a structure that has no pharmacy segments; codes are local."""
    drug = sample.drug
    return [
        segment("OBR", {1: "1", 2: placer, 4: PRESCRIPTION, 16: clinician(sample.prescriber)}),
        obx(1, "CE", "RX-DRUG^Medication requested^L", coded(drug.product)),
        obx(2, "TX", "RX-SIG^Directions^L", escape(drug.sig)),
        obx(3, "NM", "RX-QUANTITY^Quantity^L", drug.quantity, escape(drug.unit)),
        obx(4, "NM", "RX-DAYS-SUPPLY^Days supply^L", str(drug.days_supply), "d"),
        obx(5, "NM", "RX-REFILLS^Refills^L", str(drug.refills)),
        weight(6, sample),
    ]


def weight(number: int, sample: Sample) -> str:
    """OBX: the patient's weight, which the dose of many specialty drugs depends on."""
    return obx(number, "NM", WEIGHT, sample.weight_kg, "kg")
