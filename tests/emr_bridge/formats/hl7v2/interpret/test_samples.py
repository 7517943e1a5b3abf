"""Hand-written messages of each type, every field asserted."""

from datetime import date
from decimal import Decimal

from tests.emr_bridge.builders import sample

from common.events.people import Contact
from common.events.submission import (
    Address,
    Caregiver,
    Clinicals,
    Coverage,
    Diagnosis,
    Identifier,
    Lab,
    Medication,
    Patient,
    Prescriber,
    Submission,
    TriedDrug,
)
from emr_bridge.formats.hl7v2.interpret import interpret
from emr_bridge.formats.hl7v2.interpret.reading import CancellationAsked, Requested
from emr_bridge.formats.hl7v2.reader import read


def understood(name):
    return interpret(read(sample(name)))


def test_a_ref_i12_with_everything():
    assert understood("ref_i12") == Requested(
        submission=Submission(
            patient=Patient(
                family_name="ZZTEST",
                given_names=("Anna", "Maria", "Lena"),
                birth_date=date(1980, 1, 2),
                sex="female",
                phones=("+15035550123", "5035550124"),
                email="anna@mail.example",
                address=Address(
                    line1="100 Oak Ave",
                    line2="Apt 3",
                    city="Portland",
                    state="OR",
                    postal_code="97202",
                    country="USA",
                ),
                preferred_language="spa",
                caregiver=Caregiver(
                    name="Karl ZZTESTKIN", relationship="Spouse", phone="5035550199"
                ),
                identifiers=(
                    Identifier(value="77", system="NORTH", type="MR"),
                    Identifier(value="88", system="STATE", type="PI"),
                ),
            ),
            coverages=(
                Coverage(
                    payer="ZZPAYER Health",
                    member_id="MEM123",
                    bin="610014",
                    pcn="A4",
                    group="RX4567",
                    order=1,
                ),
                Coverage(
                    payer="ZZSECOND Mutual",
                    member_id="SEC999",
                    group="GRP-2",
                    benefit="medical",
                    order=2,
                ),
            ),
            prescriber=Prescriber(
                npi="1234567893",
                name="Greta M ZZTESTDOC Jr.",
                phone="+15035550100",
                fax="+15035550101",
            ),
            contact=Contact(
                name="Nora ZZTESTNURSE", phone="5035550155", email="nora@clinic.example"
            ),
            diagnoses=(
                Diagnosis(code="M06.9", text="Rheumatoid arthritis, unspecified"),
                Diagnosis(code="M05.79", text="RA of multiple sites"),
            ),
            clinicals=Clinicals(
                weight_kg=Decimal("68.039"),
                allergies=("Penicillin (Hives, Rash)",),
                tried_and_failed=(
                    TriedDrug(drug="methotrexate", outcome="inadequate response"),
                    TriedDrug(drug="sulfasalazine"),
                ),
                labs=(Lab(name="CRP", value="12.5", unit="mg/L", taken_on=date(2026, 2, 20)),),
                notes="Reason: Refractory arthritis\nFailed two DMARDs.\nNeeds start soon.\n"
                "Tender joints 14 & swollen 9\nAuthorization: AUTH77",
            ),
            external_ids=(Identifier(value="RF1-7710", system="EPIC", type="PLAC"),),
        ),
        placer="RF1-7710^EPIC",
        patient_ids="77^^^NORTH^MR~88^^^STATE^PI",
        provider="1234567893^ZZTESTDOC^Greta^M^Jr.^Dr.^MD",
    )


def test_an_orm_o01_of_2_3_with_the_drug_in_rxo_and_the_pharmacy_numbers_in_a_note():
    assert understood("orm_o01") == Requested(
        submission=Submission(
            patient=Patient(
                family_name="ZZTEST",
                given_names=("Bruno",),
                birth_date=date(1975, 12, 30),
                sex="male",
                phones=("(503)555-0177",),
                address=Address(line1="9 Pine Rd", city="Salem", state="OR", postal_code="97301"),
                identifiers=(Identifier(value="5512", system="SOUTH", type="MR"),),
            ),
            coverages=(
                Coverage(
                    payer="ZZCOMMERCIAL",
                    member_id="M-5512",
                    bin="004336",
                    pcn="ADV",
                    group="G-77",
                ),
            ),
            prescriber=Prescriber(npi="1234567893", name="Otto ZZORDER", phone="5035550188"),
            contact=Contact(name="Eva ZZENTER", phone="5035550188"),
            medication=Medication(
                text="Adalimumab 40 MG/0.8 ML",
                ndc="00074433902",
                strength="40 milligram",
                sig="Inject 40 mg under the skin every other week",
                quantity=Decimal(2),
                quantity_unit="kit",
                days_supply=30,
                refills=5,
            ),
            diagnoses=(Diagnosis(code="K50.90", text="Crohn's disease, unspecified"),),
            clinicals=Clinicals(notes="RxBIN: 004336 PCN: ADV RxGRP: RX1234 Member ID: W998877"),
            external_ids=(Identifier(value="PL-100", system="CERNER", type="PLAC"),),
        ),
        placer="PL-100^CERNER",
        patient_ids="5512^^^SOUTH^MR",
        provider="1234567893^ZZORDER^Otto^^^^MD^^^^^^NPI",
    )


def test_an_omp_o09_with_the_indication_in_the_order():
    assert understood("omp_o09") == Requested(
        submission=Submission(
            patient=Patient(
                family_name="ZZTEST",
                given_names=("Chloé",),
                birth_date=date(1999, 12, 31),
                sex="female",
                identifiers=(Identifier(value="E-9", system="EAST", type="MR"),),
            ),
            medication=Medication(
                text="Dupilumab 300 mg/2 mL pen",
                sig="300 mg, Subcutaneous, every 2 weeks",
                quantity=Decimal(4),
                quantity_unit="mL",
                days_supply=28,
                refills=3,
            ),
            diagnoses=(Diagnosis(code="L20.9", text="Atopic dermatitis"),),
            clinicals=Clinicals(weight_kg=Decimal("61.5")),
            external_ids=(Identifier(value="OMP-PL-9", system="ATHENA", type="PLAC"),),
        ),
        placer="OMP-PL-9^ATHENA^1.2.3^ISO",
        patient_ids="E-9^^^EAST^MR",
    )


def test_an_rde_o11_where_the_encoded_order_counts_and_the_route_stands_in_the_directions():
    assert understood("rde_o11") == Requested(
        submission=Submission(
            patient=Patient(
                family_name="ZZTEST",
                given_names=("Dario",),
                birth_date=date(1950, 6, 7),
                sex="male",
                identifiers=(Identifier(value="W-7"),),
            ),
            prescriber=Prescriber(npi="1777777776", name="Ria ZZREFER"),
            medication=Medication(
                text="apremilast 30 MG Oral Tablet",
                rxnorm="1657981",
                strength="30 MG",
                sig="30 mg, Oral, Q8H",
                quantity=Decimal(60),
                quantity_unit="Tablet",
                days_supply=10,
                refills=2,
            ),
            external_ids=(Identifier(value="RDE-PL-3", type="PLAC"),),
        ),
        placer="RDE-PL-3",
        patient_ids="W-7",
    )


def test_a_ref_i14_and_an_order_taken_back_name_what_is_cancelled():
    assert understood("ref_i14_cancel") == CancellationAsked("RF1-7710")
    assert understood("orm_o01_cancel") == CancellationAsked("PL-100")
