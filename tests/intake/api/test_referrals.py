"""Submitting, reading and listing referrals over HTTP."""

import asyncio
import base64
import json

import pytest
from tests.intake.builders import clinic_json, opened, submission_json

from common.events.referral import InformationNeeded, ReferralReceived

BEFORE_TIME_BEGAN = base64.urlsafe_b64encode(
    b"0001-01-01T00:00:00+14:00|018f0000-0000-7000-8000-000000000000"
).decode()


async def post(http, **changes):
    return await http.post("/v1/referrals", json=submission_json(**changes))


async def test_a_clean_referral_is_created_with_location_and_etag(http, lakeside, told):
    answer = await post(http)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/referrals/{body['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (body["status"], body["waiting_on"], body["completeness"]) == (
        "received",
        "pharmacy",
        100,
    )
    assert (body["findings"], body["questions"], len(body["code"])) == ([], [], 6)
    assert await told() == ["referral.received.v1"]


async def test_it_is_read_back_as_it_was_sent(http, submitted):
    answer = await http.get(f"/v1/referrals/{submitted['id']}")
    sent = submission_json()
    assert answer.headers["etag"] == '"1"'
    assert answer.json() == submitted
    for name in ("patient", "coverages", "medication", "diagnoses", "clinicals", "external_ids"):
        assert _contains(submitted[name], sent[name]), name


def _contains(got, sent):
    if isinstance(sent, dict):
        return all(_contains(got[name], value) for name, value in sent.items())
    if isinstance(sent, list):
        return len(got) == len(sent) and all(map(_contains, got, sent))
    return got == sent


async def test_a_gap_is_asked_for_in_words_and_both_facts_are_told(http, lakeside, events, sealer):
    answer = await post(http, coverages=[], prescriber={"npi": "1234567890"})
    body = answer.json()
    received, needed = (await events())[1:]
    assert (answer.status_code, body["status"], body["waiting_on"]) == (
        201,
        "information_needed",
        "prescriber",
    )
    assert [f["code"] for f in body["findings"]] == ["prescriber_npi_invalid", "coverage_missing"]
    assert len(body["questions"]) == 2
    event = InformationNeeded.model_validate(needed.data)
    card = opened(event, sealer)
    assert event.missing == ("prescriber_npi_invalid", "coverage_missing")
    assert list(card.questions) == body["questions"]
    assert card.contact.name == "Jo ZZTESTREED"
    first = ReferralReceived.model_validate(received.data)
    assert (first.status, opened(first, sealer).questions) == ("received", ())


async def test_the_card_addresses_the_coordinator_when_the_sender_is_not_named(
    http, lakeside, events, sealer
):
    await post(http, contact=None)
    event = ReferralReceived.model_validate((await events())[1].data)
    card = opened(event, sealer)
    assert (card.contact.name, card.patient.family_name) == ("Kim ZZTESTCOORD", "ZZTESTLARKIN")
    assert card.medication == "adalimumab 40 mg/0.4 mL pen"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"patient": {"birth_date": "banana"}}, "/patient/birth_date"),
        ({"patient": {"sex": "banana"}}, "/patient/sex"),
        ({"patient": {"familyname": "x"}}, "/patient/familyname"),
        ({"patient": {"address": {"zip": "1"}}}, "/patient/address/zip"),
        ({"coverages": [{"bin": 7}]}, "/coverages/0/bin"),
        ({"medication": {"quantity": "two"}}, "/medication/quantity"),
        ({"diagnoses": [{"text": "x"}]}, "/diagnoses/0/code"),
        ({"therapy": "maybe"}, "/therapy"),
        ({"clinicals": {"labs": [{"name": "TB"}]}}, "/clinicals/labs/0/value"),
        ({"clinic_id": "nowhere"}, "/clinic_id"),
        ({"clinic_id": None}, "/clinic_id"),
        ({"surprise": 1}, "/surprise"),
        ({"patient": {"family_name": "\ud800"}}, "/patient/family_name"),
        ({"patient": {"phones": ["1", "\ud800"]}}, "/patient/phones"),
        ({"diagnoses": [{"code": "\ud800"}]}, "/diagnoses/0/code"),
    ],
)
async def test_what_cannot_be_read_is_refused_at_its_field(http, lakeside, told, changes, pointer):
    body = json.dumps(submission_json(**changes))
    answer = await http.post(
        "/v1/referrals", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await told() == []


async def test_an_empty_referral_of_a_clinic_is_taken_and_asked_about(http, lakeside):
    answer = await http.post("/v1/referrals", json={"clinic_id": "lakeside"})
    assert (answer.status_code, answer.json()["completeness"]) == (201, 0)


async def test_an_unknown_referral_is_not_found(http):
    for path in ("", "/timeline", "/documents"):
        answer = await http.get(f"/v1/referrals/018f0000-0000-7000-8000-000000000000{path}")
        assert answer.status_code == 404


async def test_the_same_key_and_body_give_the_same_answer(http, lakeside, told):
    headers = {"Idempotency-Key": "k1"}
    first = await http.post("/v1/referrals", json=submission_json(), headers=headers)
    again = await http.post("/v1/referrals", json=submission_json(), headers=headers)
    other = await http.post(
        "/v1/referrals", json=submission_json(therapy="continuation"), headers=headers
    )
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert other.status_code == 422
    assert await told() == ["referral.received.v1"]


async def test_twenty_parallel_posts_with_one_key_make_one_referral(http, lakeside, told):
    """INVARIANT: a retry storm makes one referral; the others get the answer or a 409."""
    headers = {"Idempotency-Key": "storm"}
    body = submission_json(external_ids=[])
    answers = await asyncio.gather(
        *(http.post("/v1/referrals", json=body, headers=headers) for _ in range(20))
    )
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    assert await told() == ["referral.received.v1"]


async def test_an_open_order_sent_again_makes_no_twin(http, submitted, told):
    again = await post(http)
    timeline = (await http.get(f"/v1/referrals/{submitted['id']}/timeline")).json()
    assert (again.status_code, again.json()["id"]) == (200, submitted["id"])
    assert [entry["what"] for entry in timeline] == ["referral.received.v1", "referral.repeated"]
    assert await told() == ["referral.received.v1"]


async def test_an_open_order_sent_again_with_news_is_a_correction(http, lakeside, told):
    first = (await post(http, coverages=[])).json()
    again = (await post(http)).json()
    assert (first["status"], again["status"]) == ("information_needed", "received")
    assert again["id"] == first["id"]
    assert (await told())[-1] == "referral.information_provided.v1"


@pytest.mark.parametrize("number", ["", "  "])
async def test_a_blank_number_names_no_order(http, lakeside, number):
    """INVARIANT: two patients never become one referral; systems send blank numbers by the dozen."""
    younger = submission_json()["patient"] | {"birth_date": "1999-01-01"}
    blank = [{"value": number, "system": "LAKESIDE"}]
    first = await post(http, external_ids=blank)
    second = await post(http, external_ids=blank, patient=younger)
    assert (first.status_code, second.status_code) == (201, 201)


SOMEBODY_ELSE = {"family_name": "ZZTESTOTHER", "given_names": ["Max"], "birth_date": "1950-02-03"}


async def test_an_order_number_of_another_patient_is_another_referral_and_a_review(http, submitted):
    """INVARIANT: a number that is used twice never writes one patient over another."""
    other = await post(http, patient=SOMEBODY_ELSE)
    again = await post(http, patient=SOMEBODY_ELSE)
    first = (await http.get(submitted["links"]["self"])).json()
    reviews = (await http.get("/v1/reviews")).json()["items"]
    assert (other.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == other.json()["id"] != submitted["id"]
    assert first == submitted
    assert [(r["reason"], r["referral_id"]) for r in reviews] == [
        ("order_number_of_another_patient", other.json()["id"])
    ]


@pytest.mark.parametrize("said", [{"family_name": "ZZTESTMARRIED"}, {"birth_date": "1984-07-18"}])
async def test_a_new_name_or_a_new_birth_date_alone_is_a_correction(http, submitted, said):
    again = await post(http, patient=submission_json()["patient"] | said)
    assert (again.status_code, again.json()["id"]) == (200, submitted["id"])
    assert said.items() <= again.json()["patient"].items()


async def test_an_open_order_sent_again_answers_no_question_of_staff(http, submitted):
    itself = submitted["links"]["self"]
    await http.post(f"{itself}/accept")
    await http.post(f"{itself}/request-information", json={"questions": ["Which pen?"]})
    again = (await post(http, therapy="continuation")).json()
    assert (again["status"], again["questions"], again["therapy"]) == (
        "information_needed",
        ["Which pen?"],
        "continuation",
    )


async def test_a_question_that_was_dropped_by_accepting_is_not_asked_with_the_next(http, submitted):
    itself = submitted["links"]["self"]
    await http.post(f"{itself}/request-information", json={"questions": ["Which pen?"]})
    accepted = (await http.post(f"{itself}/accept")).json()
    asked = await http.post(f"{itself}/request-information", json={"questions": ["Which dose?"]})
    assert (accepted["questions"], asked.json()["questions"]) == ([], ["Which dose?"])


async def test_an_order_number_may_come_again_after_the_referral_ended(http, submitted):
    await http.post(f"/v1/referrals/{submitted['id']}/decline", json={"reason": "out_of_network"})
    again = await post(http)
    assert (again.status_code, again.json()["id"] != submitted["id"]) == (201, True)


async def test_the_same_patient_and_drug_is_a_new_referral_that_names_the_other(http, submitted):
    patient = submission_json()["patient"] | {"family_name": "Zztest-Larkin"}
    medication = {"text": "ADALIMUMAB 80 mg"}
    answer = await post(http, external_ids=[], patient=patient, medication=medication)
    body = answer.json()
    reviews = (await http.get("/v1/reviews")).json()["items"]
    assert (answer.status_code, body["status"], body["completeness"]) == (201, "received", 100)
    assert [(f["code"], f["related"], f["blocking"]) for f in body["findings"]] == [
        ("duplicate_of_open_referral", submitted["code"], False)
    ]
    assert [(r["reason"], r["referral_id"]) for r in reviews] == [
        ("duplicate_of_open_referral", body["id"])
    ]


async def test_a_duplicate_is_known_also_after_a_move(http, submitted):
    await http.post(f"{submitted['links']['self']}/accept")
    body = (await post(http, external_ids=[])).json()
    assert [f["related"] for f in body["findings"]] == [submitted["code"]]


async def test_what_another_clinic_sends_is_no_repeat_and_no_duplicate(http, submitted):
    """INVARIANT: no clinic learns of, or writes to, another clinic's referral."""
    await http.put("/v1/clinics/riverside", json=clinic_json(hl7_links=[]))
    other = await post(http, clinic_id="riverside")
    body = other.json()
    assert (other.status_code, body["clinic_id"], body["findings"]) == (201, "riverside", [])
    assert (await http.get(submitted["links"]["self"])).json() == submitted


async def test_another_drug_or_birth_date_is_no_duplicate(http, submitted):
    younger = submission_json()["patient"] | {"birth_date": "1999-01-01"}
    for changes in ({"patient": younger}, {"medication": {"text": "etanercept"}}):
        body = (await post(http, external_ids=[], **changes)).json()
        assert body["findings"] == []


async def test_a_list_is_read_page_by_page_without_gaps_or_repeats(http, lakeside, clock):
    """INVARIANT: pages follow (updated_at, id), also where many rows share one time."""
    made = [(await post(http, external_ids=[])).json()["id"] for _ in range(5)]
    seen, url = [], "/v1/referrals?limit=2&clinic_id=lakeside"
    while url:
        page = (await http.get(url)).json()
        seen += [item["id"] for item in page["items"]]
        url = page["next"]
    assert seen == sorted(made)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=received", True),
        ("status=accepted", False),
        ("waiting_on=pharmacy", True),
        ("waiting_on=payer", False),
        ("clinic_id=lakeside", True),
        ("clinic_id=elsewhere", False),
        ("external_id=PO-7781", True),
        ("external_id=PO-1", False),
        ("updated_after=2026-03-02T14:59:59Z", True),
        ("updated_after=2026-03-02T15:00:00Z", False),
    ],
)
async def test_a_list_is_narrowed(http, submitted, query, found):
    page = (await http.get(f"/v1/referrals?{query}")).json()
    assert [item["id"] for item in page["items"]] == ([submitted["id"]] if found else [])
    assert page["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=MjAyNi0wMy0wMnxi",
        "cursor=%C3%A9",
        f"cursor={BEFORE_TIME_BEGAN}",
        "limit=0",
        "limit=201",
        "status=banana",
        "updated_after=soon",
        "state=received",
    ],
)
async def test_a_list_that_cannot_be_asked_for_is_refused(http, query):
    assert (await http.get(f"/v1/referrals?{query}")).status_code == 422


async def test_a_list_shows_nobody(http, submitted):
    assert "ZZTEST" not in (await http.get("/v1/referrals")).text.upper()


async def test_locations_and_links_stand_below_where_the_api_is_mounted(api, http, lakeside):
    import httpx2

    below = httpx2.ASGITransport(api, root_path="/intake")
    async with httpx2.AsyncClient(transport=below, base_url="http://x") as client:
        answer = await client.post("/intake/v1/referrals", json=submission_json())
    assert answer.headers["location"].startswith("/intake/v1/referrals/")
    assert answer.json()["links"]["timeline"].startswith("/intake/v1/referrals/")


async def test_no_person_stands_in_an_event_in_the_clear(http, lakeside, events):
    """INVARIANT: people's data leaves sealed only; the canary is every text of the submission."""
    body = (await post(http, coverages=[])).json()
    itself = f"/v1/referrals/{body['id']}"
    note = "ZZTESTNOTE wants a call"
    await http.post(
        f"{itself}/provide-information",
        json={"coverages": submission_json()["coverages"], "notes": note},
    )
    await http.post(f"{itself}/accept", json={"note": note})
    await http.post(
        f"{itself}/schedule", json={"starts_at": "2026-03-09T16:00:00Z", "place": "ZZTESTPLACE"}
    )
    await http.post(f"{itself}/ship", json={"carrier": "UPS", "tracking_number": "ZZTESTTRACK"})
    clear = [
        event.model_copy(update={"data": event.data | {"sealed": None}}) for event in await events()
    ]
    text = "".join(event.model_dump_json() for event in clear).upper()
    assert len(clear) == 8
    for canary in ("ZZTEST", "NORA", "1984-07-19", "MRN-88123", "PHP4471902", "ADALIMUMAB"):
        assert canary not in text, canary


async def test_no_person_stands_in_the_database_in_the_clear(http, submitted, runtime, tmp_path):
    """INVARIANT: what is of people stands only in sealed columns."""
    await http.post(f"/v1/referrals/{submitted['id']}/accept", json={"note": "ZZTESTNOTE"})
    async with runtime.db.begin() as tx:
        await tx.exec_driver_sql("SELECT 1")
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("service-*.db*")).upper()
    for canary in (b"ZZTEST", b"NORA", b"PHP4471902", b"WHSEC_"):
        assert canary not in stored
