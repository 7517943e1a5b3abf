"""What EMRs tell beside new orders: updates, results, patients, merges, appointments, statuses."""

import base64
import hashlib

import pytest
from tests.intake.builders import NOW, a_submission, submission_json

from common.errors import SetAside
from common.events import emr, registry
from common.events.emr import Paper
from common.events.people import ReferralCard
from common.events.submission import (
    ClinicVisit,
    Identifier,
    PaperPart,
    Patient,
    PatientMerge,
    Submission,
)
from common.ids import new_id
from intake import consumers
from intake.handlers.results import MOST_LABS

SENDER = "EPIC|LAKESIDE"
NUMBERS = [{"value": "PO-7781", "system": "LAKESIDE"}]
PDF = b"%PDF-1.4 " + bytes(1000)


@pytest.fixture
def hear(runtime, desk):
    handlers = consumers.handlers(desk)

    async def hand(*events):
        for event in events:
            async with runtime.db.begin() as tx:
                await handlers[type(event)](tx, event, NOW)

    return hand


@pytest.fixture
def told_as(sealer):
    """Make an event of a message, with what travels sealed."""

    def make(kind, sealed=None, **facts):
        known = {
            "occurred_at": NOW,
            "message_id": new_id(),
            "sender": SENDER,
            "clinic_id": "lakeside",
            "message_type": "REF^I12",
        }
        if kind is emr.DocumentPart:
            del known["message_type"], known["clinic_id"]
        event = kind(**(known | facts))
        return event.with_sealed(sealer, sealed) if sealed is not None else event

    return make


@pytest.fixture
def view(http):
    async def read(which=0):
        (*lines,) = (await http.get("/v1/referrals")).json()["items"]
        return (await http.get(lines[which]["links"]["self"])).json()

    return read


@pytest.fixture
def timeline(http):
    async def read(referral):
        return (await http.get(referral["links"]["timeline"])).json()

    return read


async def reviews(http, state="open"):
    return (await http.get(f"/v1/reviews?state={state}")).json()["items"]


async def activate(http, referral):
    """Bring a referral to its good end."""
    base = f"/v1/referrals/{referral['id']}"
    when = {"kind": "delivery", "starts_at": "2026-03-09T16:00:00Z"}
    had = {"had_at": "2026-03-02T14:00:00Z", "how": "picked_up"}
    for command, body in (
        ("accept", {}),
        ("ready-to-schedule", {}),
        ("schedule", when),
        ("activate", had),
    ):
        answer = await http.post(f"{base}/{command}", json=body)
        assert answer.status_code == 200, answer.text


async def test_a_message_tells_in_the_timeline_where_each_value_stood(
    http, lakeside, hear, told_as, view, timeline
):
    places = {
        "/patient/family_name": "PID[1]-5",
        "/prescriber/name": "ORC[1]-12",
        "/medication/text": "RXE[2]-2",
    }
    event = told_as(
        emr.ReferralSubmitted,
        a_submission(),
        places=places,
        repairs=("line_ends", "wrapped_line NTE[1]"),
    )
    await hear(event)
    referral = await view()
    entry = next(one for one in await timeline(referral) if one["what"] == "message.read")
    assert entry["text"] == (
        "Read from REF^I12: patient name from PID-5, prescriber from ORC-12, "
        "drug from RXE[2]-2; mended: line ends, wrapped line NTE[1]"
    )
    assert entry["facts"]["places"] == places
    assert entry["source_message_id"] == str(event.message_id)
    assert referral["places"] == places


async def test_the_place_of_a_value_that_the_clinic_corrected_is_forgotten(
    http, lakeside, hear, told_as, view
):
    places = {"/patient/birth_date": "PID[1]-7", "/patient/family_name": "PID[1]-5"}
    await hear(told_as(emr.ReferralSubmitted, a_submission(), places=places))
    referral = await view()
    answer = await http.post(
        f"/v1/referrals/{referral['id']}/provide-information",
        json={"patient": {"birth_date": "1984-07-20"}},
    )
    assert answer.status_code == 200, answer.text
    assert (await view())["places"] == {"/patient/family_name": "PID[1]-5"}


async def test_a_null_takes_a_value_back_and_an_empty_field_does_not(
    http, lakeside, hear, told_as, view
):
    """INVARIANT: `""` in HL7 deletes; what is left out stays."""
    await hear(told_as(emr.ReferralSubmitted, a_submission()))
    again = Submission(
        patient=Patient(family_name="ZZTESTLARKIN", sex="unknown"),
        external_ids=a_submission().external_ids,
    )
    deleted = ("/patient/phones", "/coverages/0/group", "/nothing/here", "/diagnoses/7/text")
    await hear(told_as(emr.ReferralSubmitted, again, deleted=deleted, purpose="change"))
    referral = await view()
    assert referral["patient"]["phones"] == []
    assert referral["coverages"][0]["group"] is None
    assert referral["coverages"][0]["member_id"] == "PHP4471902"
    assert (referral["patient"]["sex"], referral["patient"]["birth_date"]) == (
        "female",
        "1984-07-19",
    )


async def test_an_insurance_of_the_same_payer_is_completed_and_another_replaces_it(
    http, lakeside, hear, told_as, view
):
    await hear(told_as(emr.ReferralSubmitted, a_submission()))
    same = [{"payer": "PRAIRIE HEALTH PLAN", "member_id": "NEW1"}]
    await hear(told_as(emr.ReferralSubmitted, a_submission(coverages=same)))
    (known,) = (await view())["coverages"]
    assert (known["member_id"], known["bin"]) == ("NEW1", "610014")
    other = [{"payer": "Hill Insurance", "member_id": "H1"}]
    await hear(told_as(emr.ReferralSubmitted, a_submission(coverages=other)))
    (known,) = (await view())["coverages"]
    assert (known["payer"], known["bin"]) == ("Hill Insurance", None)


async def test_a_change_of_what_we_have_updates_it_and_of_what_we_have_not_goes_to_a_person(
    http, lakeside, hear, told_as, view
):
    unknown = told_as(emr.ReferralSubmitted, a_submission(), purpose="change")
    await hear(unknown)
    (review,) = await reviews(http)
    assert (review["reason"], review["clinic_id"]) == ("change_unmatched", "lakeside")
    url = f"/v1/reviews/{review['id']}/resolve"
    placed = await http.post(url, json={"clinic_id": "lakeside"})
    assert placed.json()["resolution"] == "placed"
    drug = submission_json()["medication"] | {"quantity": "4"}
    await hear(told_as(emr.ReferralSubmitted, a_submission(medication=drug), purpose="change"))
    assert (await view())["medication"]["quantity"] == "4"
    assert len((await http.get("/v1/referrals")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("message_type", "door"), [("REF^I13", "hl7v2"), ("ServiceRequest", "fhir")]
)
async def test_what_waits_for_a_person_names_the_door_by_which_it_came(
    http, lakeside, hear, told_as, message_type, door
):
    said = {"purpose": "change", "message_type": message_type}
    await hear(told_as(emr.ReferralSubmitted, a_submission(), **said))
    assert [one["door"] for one in await reviews(http)] == [door]


async def test_the_same_order_after_the_patient_has_the_drug_makes_no_twin(
    http, submitted, hear, told_as, view, timeline, told
):
    """INVARIANT: one order of a clinic is one referral, also when it is sent again after `active`."""
    await activate(http, submitted)
    before = await told()
    changed = a_submission(prescriber={"npi": "1234567893", "name": "Dr. Bo ZZTESTNEW"})
    await hear(told_as(emr.ReferralSubmitted, changed))
    referral = await view()
    assert len((await http.get("/v1/referrals")).json()["items"]) == 1
    assert (referral["status"], referral["prescriber"]["name"]) == ("active", "Dr. Bo ZZTESTNEW")
    assert [one["what"] for one in await timeline(referral)][-1] == "referral.repeated"
    assert await told() == before


async def test_another_drug_under_the_number_of_a_filled_order_is_a_new_referral_and_a_review(
    http, submitted, hear, told_as
):
    await activate(http, submitted)
    other = a_submission(medication={"text": "etanercept 50 mg"})
    await hear(told_as(emr.ReferralSubmitted, other))
    (review,) = await reviews(http)
    assert review["reason"] == "order_number_of_active_referral"
    assert len((await http.get("/v1/referrals")).json()["items"]) == 2


async def test_a_message_read_after_its_sender_was_registered_closes_its_review(
    http, lakeside, hear, told_as
):
    message_id = new_id()
    asked = told_as(
        emr.ReviewRequested, clinic_id=None, message_id=message_id, reason="unknown_sender"
    )
    await hear(asked)
    assert len(await reviews(http)) == 1
    await hear(told_as(emr.ReferralSubmitted, a_submission(), message_id=message_id))
    (closed,) = await reviews(http, "resolved")
    assert await reviews(http) == []
    assert (closed["resolution"], closed["resolved_by"]) == ("superseded", "emr-bridge")
    again = told_as(emr.ReviewRequested, message_id=message_id, reason="no_patient")
    await hear(again)
    assert [one["reason"] for one in await reviews(http)] == ["no_patient"]


def a_document(told_as, *, message_id, content=PDF, number=1, cut=400):
    """Return the parts of a document, and how its event names it."""
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    parts = [
        told_as(
            emr.DocumentPart,
            PaperPart(content=base64.b64encode(piece), name="Letter" if n == 1 else None),
            message_id=message_id,
            number=number,
            part=n,
        )
        for n, piece in enumerate(pieces, start=1)
    ]
    paper = Paper(
        number=number,
        media_type="application/pdf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        parts=len(parts),
    )
    return parts, paper


def results(told_as, paper=None, *, message_id=None, **said):
    known = {
        "patient": {"identifiers": submission_json()["patient"]["identifiers"]},
        "clinicals": {"labs": [{"name": "CRP", "value": "12.5"}], "notes": "ZZTEST: fasting"},
    }
    return told_as(
        emr.DocumentsSubmitted,
        Submission.model_validate(known | said),
        message_id=message_id or new_id(),
        message_type="ORU^R01",
        papers=(paper,) if paper else (),
    )


async def test_results_and_documents_are_filed_with_the_order_that_they_name(
    http, submitted, hear, told_as, view, timeline, told
):
    before, message_id = await told(), new_id()
    parts, paper = a_document(told_as, message_id=message_id)
    event = results(told_as, paper, message_id=message_id, external_ids=NUMBERS)
    await hear(*parts, *parts, event, event)
    referral = await view()
    (document,) = (await http.get(referral["links"]["documents"])).json()
    content = (await http.get(document["href"])).content
    (entry,) = [one for one in await timeline(referral) if one["what"] == "results.attached"]
    assert (content, document["name"]) == (PDF, "Letter")
    assert [lab["name"] for lab in referral["clinicals"]["labs"]] == ["CRP"]
    assert entry["text"] == "Results or documents came in by ORU^R01: 1 results"
    assert entry["note"] == "ZZTEST: fasting"
    assert referral["status"] == submitted["status"]
    assert await told() == before


async def test_results_without_an_order_are_filed_by_the_clinics_number_of_the_patient(
    http, submitted, hear, told_as, view
):
    await hear(results(told_as))
    await hear(results(told_as, clinicals={"labs": [{"name": "HB", "value": "13"}]}))
    labs = (await view())["clinicals"]["labs"]
    assert [lab["name"] for lab in labs] == ["CRP", "HB"]


@pytest.mark.parametrize(
    "patient",
    [
        {"identifiers": [{"value": "MRN-88123", "system": "OTHERPLACE"}]},
        {"identifiers": [{"value": "MRN-1", "system": "LAKESIDE"}]},
        {
            "family_name": "ZZTESTOTHER",
            "birth_date": "1950-01-01",
            "identifiers": [{"value": "MRN-88123", "system": "LAKESIDE"}],
        },
    ],
)
async def test_results_of_nobody_we_know_wait_for_a_person_with_their_documents(
    http, submitted, hear, told_as, view, patient
):
    message_id = new_id()
    parts, paper = a_document(told_as, message_id=message_id)
    await hear(*parts, results(told_as, paper, message_id=message_id, patient=patient))
    (review,) = await reviews(http)
    assert review["reason"] == "document_unmatched"
    assert (await view())["clinicals"]["labs"] == []
    url = f"/v1/reviews/{review['id']}/resolve"
    refused = await http.post(url, json={"clinic_id": "lakeside"})
    assert refused.json()["errors"][0]["pointer"] == "/referral_id"
    filed = await http.post(url, json={"referral_id": submitted["id"]})
    assert (filed.json()["resolution"], filed.json()["referral_id"]) == ("placed", submitted["id"])
    referral = await view()
    documents = (await http.get(referral["links"]["documents"])).json()
    assert [lab["name"] for lab in referral["clinicals"]["labs"]] == ["CRP"]
    assert [one["sha256"] for one in documents] == [paper.sha256]


async def test_a_result_that_is_said_twice_is_kept_and_counted_once(
    http, submitted, hear, told_as, view, timeline
):
    crp, hb = {"name": "CRP", "value": "12.5"}, {"name": "HB", "value": "13"}
    await hear(results(told_as, clinicals={"labs": [crp, crp]}))
    await hear(results(told_as, clinicals={"labs": [hb, crp, hb]}))
    referral = await view()
    assert [lab["name"] for lab in referral["clinicals"]["labs"]] == ["CRP", "HB"]
    noted = [one for one in await timeline(referral) if one["what"] == "results.attached"]
    assert [one["facts"]["labs"] for one in noted] == [1, 1]


async def test_of_more_results_than_are_kept_the_newest_stay_and_all_that_came_are_counted(
    http, submitted, hear, told_as, view, timeline
):
    for values in (range(MOST_LABS), range(MOST_LABS, MOST_LABS + 3)):
        labs = [{"name": "CRP", "value": str(value)} for value in values]
        await hear(results(told_as, clinicals={"labs": labs}))
    referral = await view()
    kept = [lab["value"] for lab in referral["clinicals"]["labs"]]
    assert (len(kept), kept[0], kept[-1]) == (MOST_LABS, "3", str(MOST_LABS + 2))
    assert (await timeline(referral))[-1]["facts"]["labs"] == 3


async def test_results_that_may_belong_to_two_referrals_wait_for_a_person(
    http, submitted, hear, told_as
):
    other = {"text": "etanercept 50 mg"}
    second = submission_json(medication=other, external_ids=[{"value": "PO-2"}])
    assert (await http.post("/v1/referrals", json=second)).status_code == 201
    await hear(results(told_as))
    assert [one["reason"] for one in await reviews(http)] == ["document_ambiguous"]


async def test_a_document_with_a_missing_part_is_set_aside(http, submitted, hear, told_as):
    message_id = new_id()
    (first, *_), paper = a_document(told_as, message_id=message_id)
    await hear(first)
    with pytest.raises(SetAside, match="not whole"):
        await hear(results(told_as, paper, message_id=message_id, external_ids=NUMBERS))


async def test_the_document_of_a_referral_is_filed_with_it(http, lakeside, hear, told_as, view):
    message_id = new_id()
    parts, paper = a_document(told_as, message_id=message_id)
    event = told_as(emr.ReferralSubmitted, a_submission(), message_id=message_id, papers=(paper,))
    await hear(*parts, event)
    documents = (await http.get((await view())["links"]["documents"])).json()
    assert [one["sha256"] for one in documents] == [paper.sha256]


def an_update(told_as, *, deleted=(), places=None, **patient):
    known = {"identifiers": submission_json()["patient"]["identifiers"], "sex": "unknown"}
    return told_as(
        emr.PatientUpdated,
        Submission.model_validate({"patient": known | patient}),
        message_type="ADT^A08",
        deleted=deleted,
        places=places or {},
    )


async def test_a_patients_update_corrects_open_referrals_and_answers_what_was_missing(
    http, lakeside, hear, told_as, view, timeline
):
    gap = submission_json()
    gap["patient"] = {k: v for k, v in gap["patient"].items() if k != "phones"}
    assert (await http.post("/v1/referrals", json=gap)).status_code == 201
    assert (await view())["status"] == "information_needed"
    places = {"/patient/phones": "PID[1]-13"}
    await hear(an_update(told_as, phones=["+1 312 555 0142"], places=places))
    referral = await view()
    entries = await timeline(referral)
    assert (referral["status"], referral["patient"]["phones"]) == ("received", ["+1 312 555 0142"])
    assert referral["patient"]["family_name"] == "ZZTESTLARKIN"
    assert entries[-1]["text"] == "Read from ADT^A08"
    assert referral["places"] == places


async def test_an_update_of_a_patient_whom_we_do_not_serve_is_passed_over(
    http, submitted, hear, told_as, told
):
    before = await told()
    await hear(an_update(told_as, identifiers=[{"value": "MRN-9", "system": "LAKESIDE"}]))
    await hear(an_update(told_as))
    assert await told() == before
    assert await reviews(http) == []


async def test_an_update_that_changes_name_and_birth_date_at_once_goes_to_a_person(
    http, submitted, hear, told_as, view
):
    await hear(an_update(told_as, family_name="ZZTESTOTHER", birth_date="1950-01-01"))
    (review,) = await reviews(http)
    assert (review["reason"], review["referral_id"]) == (
        "patient_number_of_another_patient",
        submitted["id"],
    )
    assert (await view())["patient"]["family_name"] == "ZZTESTLARKIN"


async def test_an_update_leaves_a_filled_order_as_it_is(http, submitted, hear, told_as, view):
    await activate(http, submitted)
    await hear(an_update(told_as, phones=["+13125550999"]))
    assert (await view())["patient"]["phones"] == ["+1 312 555 0142"]


def a_merge(told_as, *, into="MRN-1", merged="MRN-88123"):
    staying = Identifier(value=into, system="LAKESIDE", type="MR")
    gone = Identifier(value=merged, system="LAKESIDE")
    return told_as(
        emr.PatientMerged,
        PatientMerge(patient=Patient(identifiers=(staying,)), merged=(gone,)),
        message_type="ADT^A40",
    )


async def test_merged_numbers_are_replaced_and_the_new_one_finds_the_referral(
    http, submitted, hear, told_as, view, timeline
):
    await hear(a_merge(told_as))
    referral = await view()
    assert [one["value"] for one in referral["patient"]["identifiers"]] == ["MRN-1"]
    assert (await timeline(referral))[-1]["what"] == "patient.merged"
    await hear(results(told_as, patient={"identifiers": [{"value": "MRN-1"}]}))
    assert [lab["name"] for lab in (await view())["clinicals"]["labs"]] == ["CRP"]


async def test_two_open_referrals_of_merged_patients_are_never_merged_silently(
    http, submitted, hear, told_as, view
):
    """INVARIANT: a merge of two patients who both have open referrals changes neither."""
    other = submission_json(external_ids=[{"value": "PO-2"}])
    other["patient"] = other["patient"] | {
        "family_name": "ZZTESTLARKINS",
        "identifiers": [{"value": "MRN-1", "system": "LAKESIDE"}],
    }
    assert (await http.post("/v1/referrals", json=other)).status_code == 201
    await hear(a_merge(told_as))
    (review,) = await reviews(http)
    assert (review["reason"], review["referral_id"]) == (
        "patients_merged_both_open",
        submitted["id"],
    )
    kept = [(await view(n))["patient"]["identifiers"][0]["value"] for n in (0, 1)]
    assert sorted(kept) == ["MRN-1", "MRN-88123"]


async def test_a_merge_of_patients_whom_we_do_not_serve_is_passed_over(
    http, submitted, hear, told_as, view
):
    await hear(a_merge(told_as, into="MRN-5", merged="MRN-6"))
    assert [one["value"] for one in (await view())["patient"]["identifiers"]] == ["MRN-88123"]
    assert await reviews(http) == []


def an_appointment(told_as, **facts):
    known = {"change": "booked", "starts": "2026-03-09T09:00:00", "message_type": "SIU^S12"}
    visit = ClinicVisit(place="Room 1", provider="Ann ZZTESTDOC", reason="Check-up")
    return told_as(emr.AppointmentTold, visit, **(known | facts))


async def test_the_clinics_appointment_is_noted_and_moves_nothing_of_ours(
    http, submitted, hear, told_as, view, timeline, told
):
    before = await told()
    await hear(an_appointment(told_as, order_numbers=("PO-7781",), appointment_id="FIL-1"))
    await hear(an_appointment(told_as, appointment_id="FIL-1", change="missed"))
    referral = await view()
    noted = [one for one in await timeline(referral) if one["what"] == "clinic.appointment"]
    assert [one["text"] for one in noted] == [
        "The clinic's own appointment for 2026-03-09T09:00:00: booked",
        "The clinic's own appointment for 2026-03-09T09:00:00: missed",
    ]
    assert noted[0]["note"] == "Check-up, Ann ZZTESTDOC, Room 1"
    assert "ZZTEST" not in str(noted[0]["facts"])
    assert (referral["appointment"], referral["status"]) == (None, submitted["status"])
    assert await told() == before


async def test_an_appointment_of_nobody_we_serve_is_passed_over_and_names_no_order(
    http, submitted, hear, told_as
):
    await hear(an_appointment(told_as, order_numbers=("PO-1",), appointment_id="FIL-9"))
    await hear(an_appointment(told_as, order_numbers=("PO-7781",), appointment_id="FIL-1"))
    assert await reviews(http) == []
    cancelled = emr.CancellationSubmitted(
        occurred_at=NOW,
        message_id=new_id(),
        sender=SENDER,
        clinic_id="lakeside",
        external_id="FIL-1",
    )
    await hear(cancelled)
    assert [one["reason"] for one in await reviews(http)] == ["cancellation_unmatched"]


async def test_a_partners_status_is_noted_or_goes_to_a_person(
    http, submitted, hear, told_as, view, timeline
):
    known = {"control": "SC", "status": "IP", "message_type": "OSU^O51"}
    await hear(told_as(emr.OrderStatusTold, external_id="PO-7781", **known))
    await hear(told_as(emr.OrderStatusTold, external_id="PO-1", **known))
    referral = await view()
    assert (await timeline(referral))[-1]["text"] == "The clinic's status of the order: IP"
    assert referral["status"] == submitted["status"]
    assert [one["reason"] for one in await reviews(http)] == ["status_unmatched"]


async def test_a_clinic_that_asks_is_told_the_status_as_it_is(
    http, submitted, hear, told_as, view, told, timeline
):
    asked = told_as(emr.StatusRequested, external_id="PO-7781", message_type="REF^I15")
    await hear(asked, asked)
    referral = await view()
    assert (await told())[-1] == "referral.status_reported.v1"
    assert (await told()).count("referral.status_reported.v1") == 1
    assert (referral["version"], referral["status"]) == (submitted["version"], "received")
    assert "asked where the referral stands" in (await timeline(referral))[-1]["text"]
    await hear(told_as(emr.StatusRequested, external_id="PO-1", message_type="REF^I15"))
    assert [one["reason"] for one in await reviews(http)] == ["status_request_unmatched"]


async def test_the_sex_that_a_clinic_says_travels_on_and_one_that_it_does_not_stays_unsaid(
    http, submitted, events, sealer
):
    (told,) = [one for one in await events() if one.type == "referral.received.v1"]
    event = registry.TYPES[told.type].model_validate(told.data)
    card = event.unsealed(sealer, ReferralCard)
    assert card is not None
    assert card.patient.sex == "female"
