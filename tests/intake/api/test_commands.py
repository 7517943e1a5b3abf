"""Every command over HTTP: what it does, what it refuses, how it is repeated."""

from datetime import timedelta

import pytest
from tests.intake.builders import opened, submission_json

from common.events.referral import (
    InformationNeeded,
    PriorAuthorizationChanged,
    ReferralScheduled,
    ReferralShipped,
)
from common.ids import new_id
from intake.domain.commands import Command

WHEN = {"starts_at": "2026-03-09T16:00:00Z", "place": "12 ZZTEST St"}

BODIES = {
    "request-information": {"questions": ["Which pen?"]},
    "provide-information": {"notes": "it is the pen"},
    "schedule": WHEN,
    "reschedule": WHEN,
    "report-shipment": {"reason": "delayed"},
    "hold": {"reason": "stock_out"},
    "decline": {"reason": "out_of_network"},
    "transfer": {"reason": "patient_choice", "pharmacy_name": "Elm Specialty"},
    "discontinue": {"reason": "therapy_complete"},
}


@pytest.fixture
def do(http, submitted):
    """Give a command to the submitted referral; the body is optional where it is in the API."""

    async def give(command, body=None, **headers):
        url = f"/v1/referrals/{submitted['id']}/{command}"
        return await http.post(url, json=body or BODIES.get(command), headers=headers)

    return give


@pytest.fixture
def put_pa(http, submitted):
    async def put(pa_id, **body):
        url = f"/v1/referrals/{submitted['id']}/prior-authorizations/{pa_id}"
        return await http.put(url, json=body)

    return put


@pytest.fixture
def timeline(http, submitted):
    async def read():
        return (await http.get(f"/v1/referrals/{submitted['id']}/timeline")).json()

    return read


async def do_all(do, *commands):
    answers = [await do(command) for command in commands]
    assert all(answer.status_code == 200 for answer in answers), [a.text for a in answers]
    return answers[-1].json()


STORY = [
    ("accept", "accepted", "pharmacy"),
    ("request-information", "information_needed", "prescriber"),
    ("provide-information", "accepted", "pharmacy"),
    ("start-benefits-investigation", "benefits_investigation", "pharmacy"),
    ("start-financial-assistance", "financial_assistance", "pharmacy"),
    ("start-clinical-review", "clinical_review", "prescriber"),
    ("hold", "on_hold", "pharmacy"),
    ("resume", "clinical_review", "prescriber"),
    ("ready-to-schedule", "ready_to_schedule", "pharmacy"),
    ("schedule", "scheduled", "patient"),
    ("no-show", "scheduled", "patient"),
    ("reschedule", "scheduled", "patient"),
    ("cancel-appointment", "ready_to_schedule", "pharmacy"),
    ("schedule", "scheduled", "patient"),
    ("ship", "shipped", "pharmacy"),
    ("report-shipment", "shipped", "pharmacy"),
    ("activate", "active", "nobody"),
    ("request-cancellation", "active", "nobody"),
    ("discontinue", "discontinued", "nobody"),
]


async def test_a_referral_is_led_through_every_stage(http, submitted, do, told):
    version, view = 1, submitted
    for command, status, waiting_on in STORY:
        answer = await do(command)
        view = answer.json()
        assert answer.status_code == 200, (command, answer.text)
        assert (command, view["status"], view["waiting_on"]) == (command, status, waiting_on)
        assert view["version"] > version
        assert answer.headers["etag"] == f'"{view["version"]}"'
        version = view["version"]
    assert len(await told()) == len(STORY) + 1
    assert view["allowed_commands"] == []


async def test_every_command_has_an_endpoint_that_names_its_refusals(http):
    paths = (await http.get("/openapi.json")).json()["paths"]
    for command in set(Command) - {Command.PRIOR_AUTHORIZATION}:
        operation = paths[f"/v1/referrals/{{referral_id}}/{command}"]["post"]
        assert operation["summary"], command
        assert operation["description"], command
        assert {"404", "409", "412", "422"} <= set(operation["responses"])


async def test_an_illegal_move_names_what_is_allowed_and_changes_nothing(http, submitted, do, told):
    answer = await do("ship")
    problem = answer.json()
    after = (await http.get(f"/v1/referrals/{submitted['id']}")).json()
    assert (answer.status_code, problem["code"]) == (409, "illegal_move")
    assert problem["allowed"] == submitted["allowed_commands"]
    assert after == submitted
    assert await told() == ["referral.received.v1"]


async def test_a_stale_etag_is_refused_and_changes_nothing(do, told):
    stale = await do("accept", **{"If-Match": '"7"'})
    foreign = await do("accept", **{"If-Match": '"abc"'})
    assert (stale.status_code, foreign.status_code) == (412, 412)
    assert stale.json()["code"] == "stale"
    assert stale.headers["ETag"] in stale.json()["detail"]
    fresh = await do("accept", **{"If-Match": '"1"'})
    late = await do("hold", **{"If-Match": '"1"'})
    anyway = await do("hold", **{"If-Match": "*"})
    assert (fresh.status_code, late.status_code, anyway.status_code) == (200, 412, 200)


@pytest.mark.parametrize(
    ("if_match", "status"),
    [('"7", "1"', 200), ('W/"1"', 200), ('"7","8"', 412), ("1", 412), ("", 412)],
)
async def test_one_of_the_etags_of_a_list_is_enough(do, if_match, status):
    assert (await do("accept", **{"If-Match": if_match})).status_code == status


async def test_a_move_repeated_with_its_key_is_made_once(do, told):
    first = await do("accept", **{"Idempotency-Key": "a1"})
    again = await do("accept", **{"Idempotency-Key": "a1"})
    without = await do("accept")
    assert (first.status_code, again.content, without.status_code) == (200, first.content, 409)
    assert (await told()).count("referral.accepted.v1") == 1


async def test_the_timeline_says_who_did_what_and_when(do, timeline, clock):
    await do("accept", {"note": "ZZTEST says hello"}, **{"X-Actor": "nurse.reed"})
    received, accepted = await timeline()
    assert (received["from_status"], received["to_status"]) == (None, "received")
    assert (accepted["actor"], accepted["text"], accepted["note"]) == (
        "nurse.reed",
        "Referral accepted",
        "ZZTEST says hello",
    )
    assert (accepted["from_status"], accepted["to_status"]) == ("received", "accepted")
    assert accepted["occurred_at"] == clock().isoformat().replace("+00:00", "Z")


async def test_scheduling_shows_both_moves_in_the_timeline(do, timeline):
    await do_all(do, "accept", "start-clinical-review", "schedule")
    moves = [(e["from_status"], e["to_status"]) for e in await timeline()]
    assert moves[-2:] == [
        ("clinical_review", "ready_to_schedule"),
        ("ready_to_schedule", "scheduled"),
    ]


async def test_where_it_takes_place_travels_sealed(do, events, sealer):
    await do_all(do, "accept", "schedule")
    event = ReferralScheduled.model_validate((await events())[-1].data)
    assert opened(event, sealer).place == "12 ZZTEST St"
    await do("ship", {"carrier": "UPS", "tracking_number": "1Z9"})
    shipped = ReferralShipped.model_validate((await events())[-1].data)
    assert (shipped.carrier, opened(shipped, sealer).tracking_number) == ("UPS", "1Z9")


async def test_an_appointment_keeps_its_id_when_it_moves(do):
    booked = (await do_all(do, "accept", "schedule"))["appointment"]
    answer = await do("reschedule", {"starts_at": "2026-03-11T16:00:00Z"})
    moved = answer.json()["appointment"]
    assert (moved["id"], moved["starts_at"], moved["place"]) == (
        booked["id"],
        "2026-03-11T16:00:00Z",
        "12 ZZTEST St",
    )


async def test_an_appointment_that_ends_before_it_starts_is_refused_at_its_field(do):
    await do("accept")
    answer = await do("schedule", WHEN | {"ends_at": "2026-03-09T15:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/ends_at")


@pytest.mark.parametrize(
    ("command", "body", "pointer"),
    [
        ("hold", {"reason": "banana"}, "/reason"),
        ("hold", {}, "/reason"),
        ("decline", {"reason": "cost"}, "/reason"),
        ("transfer", {"reason": "patient_choice"}, "/pharmacy_name"),
        ("schedule", {"starts_at": "2026-03-09T16:00:00"}, "/starts_at"),
        ("request-information", {"questions": []}, "/questions"),
        ("schedule", {"starts_at": "0001-01-01T00:00:00+14:00"}, "/starts_at"),
        ("schedule", {"starts_at": "2026-03-09T16:00:00Z", "place": "a\0b"}, "/place"),
        ("accept", {"notes": "x"}, "/notes"),
        ("report-shipment", {"reason": "lost"}, "/reason"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused_at_its_field(
    http, submitted, command, body, pointer
):
    answer = await http.post(f"/v1/referrals/{submitted['id']}/{command}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_clinics_wish_to_cancel_is_confirmed(do):
    wished = (await do("request-cancellation", {"reason": "alternative_therapy"})).json()
    again = await do("request-cancellation")
    after = (await do("cancel")).json()
    assert (wished["status"], wished["cancellation"]["state"]) == ("received", "requested")
    assert again.status_code == 409
    assert (after["status"], after["reason"], after["cancellation"]["state"]) == (
        "cancelled",
        "alternative_therapy",
        "confirmed",
    )


async def test_a_wish_to_cancel_comes_too_late_once_it_is_shipped(do, told):
    await do_all(do, "accept", "schedule", "ship")
    answer = await do("request-cancellation")
    view = answer.json()
    assert (answer.status_code, view["status"], view["cancellation"]["state"]) == (
        200,
        "shipped",
        "overtaken",
    )
    assert (await told())[-1] == "referral.cancellation_overtaken.v1"


async def test_questions_of_staff_are_shown_sent_and_gone_when_answered(do, events, sealer):
    asked = (await do("request-information")).json()
    event = InformationNeeded.model_validate((await events())[-1].data)
    answered = (await do("provide-information", {"notes": "the pen"})).json()
    assert asked["questions"] == ["Which pen?"]
    assert opened(event, sealer).questions == ("Which pen?",)
    assert (answered["questions"], answered["status"]) == ([], "received")


async def test_an_answer_settles_findings_and_names_what_is_still_missing(http, lakeside, told):
    patient = submission_json()["patient"] | {"phones": []}
    made = await http.post("/v1/referrals", json=submission_json(coverages=[], patient=patient))
    url = f"/v1/referrals/{made.json()['id']}/provide-information"
    half = (await http.post(url, json={"coverages": submission_json()["coverages"]})).json()
    whole = (await http.post(url, json={"patient": {"phones": ["+13125550142"]}})).json()
    settled = {f["code"]: f["settled_at"] is not None for f in half["findings"]}
    assert (half["status"], settled) == (
        "information_needed",
        {"patient_phone_missing": False, "coverage_missing": True},
    )
    assert half["questions"] == ["At which phone number can we reach the patient?"]
    assert (whole["status"], whole["completeness"], whole["patient"]["family_name"]) == (
        "received",
        100,
        "ZZTESTLARKIN",
    )
    assert await told() == [
        "referral.received.v1",
        "referral.information_needed.v1",
        "referral.information_provided.v1",
        "referral.information_needed.v1",
        "referral.information_provided.v1",
    ]


async def test_papers_come_with_an_answer(http, submitted, do):
    await do("request-information")
    paper = {"media_type": "application/pdf", "content": "JVBERi0xLjc=", "name": "card.pdf"}
    answer = await do("provide-information", {"documents": [paper]})
    listed = (await http.get(f"/v1/referrals/{submitted['id']}/documents")).json()
    assert answer.status_code == 200, answer.text
    assert [(d["name"], d["size"]) for d in listed] == [("card.pdf", 8)]


async def test_what_it_was_accepted_in_spite_of_is_not_asked_again(http, lakeside, events, sealer):
    made = (await http.post("/v1/referrals", json=submission_json(coverages=[]))).json()
    itself = made["links"]["self"]
    accepted = (await http.post(f"{itself}/accept")).json()
    await http.post(f"{itself}/request-information", json={"questions": ["Which pen?"]})
    event = InformationNeeded.model_validate((await events())[-1].data)
    answered = (await http.post(f"{itself}/provide-information", json={"notes": "the pen"})).json()
    assert (len(made["questions"]), accepted["questions"]) == (1, [])
    assert (event.missing, opened(event, sealer).questions) == (("question",), ("Which pen?",))
    assert (answered["status"], answered["findings"][0]["settled_at"]) == ("accepted", None)


async def test_an_empty_answer_settles_nothing(http, submitted, do):
    await do("request-information")
    answer = await http.post(f"{submitted['links']['self']}/provide-information", json={})
    after = (await http.get(submitted["links"]["self"])).json()
    assert (answer.status_code, after["status"]) == (422, "information_needed")


async def test_a_paper_that_is_none_is_refused_at_its_place(do):
    paper = {"media_type": "application/pdf", "content": "aGVsbG8="}
    answer = await do("provide-information", {"documents": [paper]})
    assert answer.json()["errors"][0]["pointer"] == "/documents/0"


async def test_a_prior_authorization_is_led_to_its_appeal(do, put_pa, events, sealer):
    await do("accept")
    pa, seen, view = new_id(), [], {}
    story = [
        {"state": "required_not_started", "benefit": "pharmacy", "payer": "Prairie"},
        {"state": "SUBMITTED", "case_id": "CASE-9", "channel": "epa"},
        {
            "state": "denied",
            "denial_reason": "step_therapy_not_met",
            "appeal_deadline": "2026-05-01",
        },
        {"state": "appeal_submitted"},
        {"state": "appeal_approved", "authorization_number": "AUTH-1", "expires_on": "2027-03-01"},
    ]
    for body in story:
        answer = await put_pa(pa, **body)
        assert answer.status_code == 200, answer.text
        view = answer.json()
        seen.append((view["status"], view["waiting_on"]))
    last = view["prior_authorizations"][0]
    told = [e for e in await events() if e.type == "prior_authorization.changed.v1"]
    final = PriorAuthorizationChanged.model_validate(told[-1].data)
    card = opened(final, sealer)
    assert seen == [
        ("prior_authorization", actor)
        for actor in ("pharmacy", "payer", "prescriber", "payer", "pharmacy")
    ]
    assert (last["case_id"], last["payer"], last["level"], last["denial_reason"]) == (
        "CASE-9",
        "Prairie",
        1,
        None,
    )
    assert (len(told), final.state, final.level, final.open) == (5, "appeal_approved", 1, False)
    assert (card.authorization_number, card.case_id) == ("AUTH-1", "CASE-9")
    assert (await do("schedule")).status_code == 200


async def test_an_open_authorization_blocks_scheduling_and_is_named(do, put_pa):
    await do("accept")
    pa = new_id()
    await put_pa(pa, state="required_not_started", benefit="medical")
    answer = await do("schedule")
    assert answer.status_code == 409
    assert str(pa) in answer.json()["detail"]
    assert "schedule" not in answer.json()["allowed"]


async def test_a_forbidden_move_of_an_authorization_names_the_allowed_states(do, put_pa):
    await do("accept")
    pa = new_id()
    await put_pa(pa, state="required_not_started", benefit="medical")
    answer = await put_pa(pa, state="approved")
    assert (answer.status_code, answer.json()["allowed"]) == (
        409,
        ["cancelled", "change_payer", "submitted", "waiting_prescriber"],
    )


async def test_the_same_put_again_tells_nobody(do, put_pa, told):
    await do("accept")
    pa = new_id()
    body = {"state": "required_not_started", "benefit": "medical", "payer": "Prairie"}
    first, again = await put_pa(pa, **body), await put_pa(pa, **body)
    corrected = await put_pa(pa, state="required_not_started", payer="Prairie Plus")
    assert first.json()["version"] == again.json()["version"] == corrected.json()["version"] - 1
    assert (await told()).count("prior_authorization.changed.v1") == 2


async def test_one_authorization_is_read_by_its_id(http, submitted, do, put_pa):
    await do("accept")
    pa = new_id()
    view = (await put_pa(pa, state="required_not_started", benefit="medical")).json()
    url = f"{submitted['links']['self']}/prior-authorizations"
    read, other = await http.get(f"{url}/{pa}"), await http.get(f"{url}/{new_id()}")
    assert (read.json(), other.status_code) == (view["prior_authorizations"][0], 404)


async def test_an_appeal_denied_names_no_date_of_the_first_denial(do, put_pa, events):
    await do("accept")
    pa, first = new_id(), {"decided_on": "2026-04-01", "appeal_deadline": "2026-05-01"}
    story = [
        {"state": "required_not_started", "benefit": "pharmacy"},
        {"state": "submitted"},
        {"state": "denied", "denial_reason": "plan_exclusion"} | first,
        {"state": "appeal_submitted"},
        {"state": "appeal_denied"},
    ]
    for body in story:
        await put_pa(pa, **body)
    last = PriorAuthorizationChanged.model_validate((await events())[-1].data)
    assert (last.denial_reason, last.decided_on, last.appeal_deadline) == (
        "plan_exclusion",
        None,
        None,
    )


async def test_of_two_authorizations_each_tells_its_own_next_actor(do, put_pa, events):
    await do("accept")
    at_the_clinic, at_the_plan = new_id(), new_id()
    await put_pa(at_the_clinic, state="required_not_started", benefit="medical")
    await put_pa(at_the_clinic, state="waiting_prescriber")
    await put_pa(at_the_plan, state="required_not_started", benefit="pharmacy")
    await put_pa(at_the_plan, state="submitted")
    last = PriorAuthorizationChanged.model_validate((await events())[-1].data)
    assert (last.waiting_on, last.authorization_waiting_on) == ("prescriber", "payer")


@pytest.mark.parametrize("state", ["submitted", "approved"])
async def test_a_reason_of_denial_is_refused_where_nothing_is_denied(do, put_pa, state):
    await do("accept")
    pa = new_id()
    await put_pa(pa, state="required_not_started", benefit="pharmacy")
    if state == "approved":
        await put_pa(pa, state="submitted")
    answer = await put_pa(pa, state=state, denial_reason="plan_exclusion")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/denial_reason"
    assert (await put_pa(pa, state=state, denial_reason=None)).status_code == 200


async def test_nobody_has_had_the_drug_in_the_future(do, clock):
    await do_all(do, "accept", "ready-to-schedule", "schedule")
    ahead = clock() + timedelta(minutes=6)
    answer = await do("activate", {"how": "picked_up", "had_at": ahead.isoformat()})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/had_at"
    near = clock() + timedelta(minutes=4)
    taken = await do("activate", {"how": "picked_up", "had_at": near.isoformat()})
    assert taken.status_code == 200, "clocks differ by minutes"


async def test_an_answer_for_another_clinic_is_refused_and_one_for_its_own_is_taken(do, submitted):
    answer = await do("provide-information", {"notes": "zz", "clinic_id": "elsewhere"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/clinic_id"
    own = await do("provide-information", {"notes": "zz", "clinic_id": submitted["clinic_id"]})
    assert own.status_code == 200


async def test_an_authorization_belongs_to_one_referral(http, do, put_pa):
    await do("accept")
    pa = new_id()
    await put_pa(pa, state="required_not_started", benefit="medical")
    other = await http.post(
        "/v1/referrals", json=submission_json(external_ids=[], medication={"text": "x"})
    )
    itself = f"/v1/referrals/{other.json()['id']}"
    await http.post(f"{itself}/accept")
    body = {"state": "required_not_started", "benefit": "medical"}
    answer = await http.put(f"{itself}/prior-authorizations/{pa}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_an_external_appeal_is_named_by_its_word(do, put_pa):
    await do("accept")
    pa = new_id()
    for state in ("required_not_started", "submitted", "denied"):
        await put_pa(pa, state=state, benefit="pharmacy")
    view = (await put_pa(pa, state="appeal_submitted", level="External")).json()
    assert view["prior_authorizations"][0]["level"] == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "banana"}, "/state"),
        ({"state": "submitted", "level": 4}, "/level"),
        ({"state": "required_not_started"}, "/benefit"),
        ({"state": "denied", "denial_reason": "because"}, "/denial_reason"),
        ({"state": "submitted", "decided_on": "soon"}, "/decided_on"),
    ],
)
async def test_an_authorization_that_cannot_be_read_is_refused_at_its_field(
    do, put_pa, body, pointer
):
    await do("accept")
    answer = await put_pa(new_id(), **body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_stale_etag_refuses_an_authorization(http, submitted, do):
    await do("accept")
    url = f"/v1/referrals/{submitted['id']}/prior-authorizations/{new_id()}"
    body = {"state": "required_not_started", "benefit": "pharmacy"}
    answer = await http.put(url, json=body, headers={"If-Match": '"1"'})
    assert answer.status_code == 412


async def test_the_tables_are_published(http):
    tables = (await http.get("/v1/state-machine")).json()
    assert tables["referral"]["moves"]["active"] == ["discontinued"]
    assert tables["referral"]["mermaid"].startswith("stateDiagram-v2")
    assert tables["prior_authorization"]["moves"]["error"] == ["cancelled", "submitted"]
    assert tables["next_actor"]["denied"] == "prescriber"
    assert tables["commands"]["resume"] == ["on_hold"]
