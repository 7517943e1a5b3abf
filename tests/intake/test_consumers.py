"""What other services tell, as intake takes it over."""

from datetime import timedelta

import pytest
from tests.intake.builders import NOW, a_submission, clinic_json, submission_json

from common.errors import SetAside
from common.events import notification
from common.events.clinic import PromiseKind
from common.events.emr import CancellationSubmitted, ReferralSubmitted, ReviewRequested
from common.ids import new_id
from common.verdicts import Heard, Together
from intake import consumers

SENDER = "EPIC|LAKESIDE"


@pytest.fixture
def hear(runtime, desk):
    """Hand an event to its handler in a transaction of its own."""
    handlers = consumers.handlers(desk)

    async def hand(event):
        async with runtime.db.begin() as tx:
            await handlers[type(event)](tx, event, NOW)

    return hand


@pytest.fixture
def a_message(sealer):
    def make(*, clinic_id="lakeside", message_id=None, message_type="REF^I12", **changes):
        event = ReferralSubmitted(
            occurred_at=NOW,
            message_id=message_id or new_id(),
            sender=SENDER,
            clinic_id=clinic_id,
            message_type=message_type,
        )
        return event.with_sealed(sealer, a_submission(clinic_id=None, **changes))

    return make


async def referrals(http):
    return (await http.get("/v1/referrals")).json()["items"]


async def reviews(http, state="open"):
    return (await http.get(f"/v1/reviews?state={state}")).json()["items"]


async def test_a_message_becomes_a_referral_that_names_its_source(http, lakeside, hear, a_message):
    message = a_message(received_at="2026-03-02T14:00:00Z")
    await hear(message)
    (line,) = await referrals(http)
    view = (await http.get(line["links"]["self"])).json()
    timeline = (await http.get(line["links"]["timeline"])).json()
    assert (view["door"], view["source_message_id"]) == ("hl7v2", str(message.message_id))
    assert view["received_at"] == "2026-03-02T14:00:00Z"
    assert (timeline[0]["actor"], timeline[0]["source_message_id"]) == (
        f"emr:{SENDER}",
        str(message.message_id),
    )


async def test_a_message_told_twice_is_one_referral(http, lakeside, hear, a_message, told):
    """INVARIANT: (door, message) is taken once, whatever the event's id."""
    message = a_message(external_ids=[])
    await hear(message)
    await hear(message)
    assert len(await referrals(http)) == 1
    assert await told() == ["referral.received.v1"]


async def test_the_same_order_in_another_message_is_one_referral(http, lakeside, hear, a_message):
    await hear(a_message())
    await hear(a_message())
    assert len(await referrals(http)) == 1


async def test_an_empty_field_of_a_repeat_takes_nothing_away(http, lakeside, hear, a_message):
    await hear(a_message())
    await hear(a_message(coverages=[], patient={"family_name": "ZZTESTLARKIN"}))
    (line,) = await referrals(http)
    view = (await http.get(line["links"]["self"])).json()
    assert (view["status"], view["coverages"][0]["member_id"]) == ("received", "PHP4471902")


async def test_a_resource_of_fhir_came_by_that_door(http, lakeside, hear, a_message):
    await hear(a_message(message_type="ServiceRequest"))
    assert (await referrals(http))[0]["door"] == "fhir"


async def test_an_event_without_its_submission_is_set_aside(lakeside, hear, a_message):
    bare = a_message().model_copy(update={"sealed": None})
    with pytest.raises(SetAside, match="no sealed submission"):
        await hear(bare)


@pytest.mark.parametrize("clinic_id", [None, "nowhere"])
async def test_a_message_of_an_unknown_clinic_waits_and_is_placed_later(
    http, hear, a_message, clinic_id, told
):
    """INVARIANT: nothing is lost because a clinic was registered late."""
    message = a_message(clinic_id=clinic_id)
    await hear(message)
    (review,) = await reviews(http)
    url = f"/v1/reviews/{review['id']}/resolve"
    too_early = await http.post(url, json={"clinic_id": "lakeside"})
    await http.put("/v1/clinics/lakeside", json=clinic_json())
    placed = await http.post(url, json={"clinic_id": "lakeside"}, headers={"X-Actor": "kim"})
    again = await http.post(url, json={"clinic_id": "lakeside"})
    (line,) = await referrals(http)
    view = (await http.get(line["links"]["self"])).json()
    assert (review["reason"], review["clinic_id"]) == ("unknown_clinic", None)
    assert review["submission"]["patient"]["family_name"] == "ZZTESTLARKIN"
    assert (too_early.status_code, too_early.json()["errors"][0]["pointer"]) == (422, "/clinic_id")
    assert placed.json()["referral_id"] == line["id"]
    assert (placed.json()["resolution"], placed.json()["resolved_by"]) == ("placed", "kim")
    assert again.status_code == 409
    assert (view["door"], view["source_message_id"]) == ("hl7v2", str(message.message_id))
    assert await reviews(http) == []
    assert len(await reviews(http, "resolved")) == 1
    assert await told() == ["referral.received.v1"]


async def test_a_review_can_be_dismissed(http, hear, a_message):
    await hear(a_message(clinic_id=None))
    (review,) = await reviews(http)
    url = f"/v1/reviews/{review['id']}/resolve"
    answer = await http.post(url, json={"dismiss": True, "note": "a test message"})
    assert (answer.json()["resolution"], answer.json()["note"]) == ("dismissed", "a test message")
    assert await referrals(http) == []


async def test_an_unknown_review_is_not_found(http):
    assert (await http.post(f"/v1/reviews/{new_id()}/resolve", json={})).status_code == 404


async def test_reviews_are_listed_page_by_page(http, hear, a_message):
    for _ in range(3):
        await hear(a_message(clinic_id=None))
    first = (await http.get("/v1/reviews?limit=2&state=all")).json()
    second = (await http.get(first["next"])).json()
    assert len({r["id"] for r in first["items"] + second["items"]}) == 3
    assert second["next"] is None


def a_cancellation(**facts):
    known = {
        "occurred_at": NOW,
        "message_id": new_id(),
        "sender": SENDER,
        "clinic_id": "lakeside",
        "external_id": "PO-7781",
    }
    return CancellationSubmitted(**(known | facts))


async def test_a_cancellation_by_message_is_a_wish_that_is_noted_once(http, submitted, hear, told):
    await hear(a_cancellation())
    await hear(a_cancellation())
    view = (await http.get(submitted["links"]["self"])).json()
    timeline = (await http.get(submitted["links"]["timeline"])).json()
    assert (view["cancellation"]["state"], view["waiting_on"]) == ("requested", "pharmacy")
    assert timeline[-1]["what"] == "cancellation.repeated"
    assert await told() == ["referral.received.v1", "referral.cancellation_requested.v1"]


@pytest.mark.parametrize("facts", [{"external_id": "PO-1"}, {"clinic_id": None}])
async def test_a_cancellation_that_fits_no_referral_goes_to_a_person(http, submitted, hear, facts):
    await hear(a_cancellation(**facts))
    (review,) = await reviews(http)
    assert review["reason"] == "cancellation_unmatched"
    done = await http.post(f"/v1/reviews/{review['id']}/resolve", json={"note": "called them"})
    assert done.json()["resolution"] == "done"


async def test_a_cancellation_that_fits_two_open_referrals_goes_to_a_person(http, submitted, hear):
    """INVARIANT: of two patients with one number, neither is cancelled by guessing."""
    somebody_else = {"family_name": "ZZTESTOTHER", "birth_date": "1950-02-03"}
    await http.post("/v1/referrals", json=submission_json(patient=somebody_else))
    await hear(a_cancellation())
    assert "cancellation_ambiguous" in [r["reason"] for r in await reviews(http)]
    assert [r["waiting_on"] for r in await referrals(http)] == ["pharmacy", "prescriber"]


async def test_a_cancellation_means_the_open_referral_not_a_later_one_that_ended(
    http, submitted, hear
):
    somebody_else = {"family_name": "ZZTESTOTHER", "birth_date": "1950-02-03"}
    later = await http.post("/v1/referrals", json=submission_json(patient=somebody_else))
    await http.post(f"{later.json()['links']['self']}/decline", json={"reason": "duplicate"})
    await hear(a_cancellation())
    view = (await http.get(submitted["links"]["self"])).json()
    assert view["cancellation"]["state"] == "requested"


async def test_a_cancellation_after_the_end_goes_to_a_person(http, submitted, hear):
    await http.post(f"{submitted['links']['self']}/decline", json={"reason": "duplicate"})
    await hear(a_cancellation())
    assert [r["reason"] for r in await reviews(http)] == ["cancellation_after_end"]


async def test_a_message_that_cannot_be_read_goes_to_a_person(http, hear):
    event = ReviewRequested(
        occurred_at=NOW,
        message_id=new_id(),
        sender=SENDER,
        message_type="REF^I12",
        reason="no_patient",
    )
    await hear(event)
    (review,) = await reviews(http)
    assert (review["reason"], review["message_id"]) == ("no_patient", str(event.message_id))


def a_promise(kind, referral_id, promise_id, **facts):
    return kind(
        occurred_at=NOW,
        referral_id=referral_id,
        clinic_id="lakeside",
        promise_id=promise_id,
        kind=PromiseKind.REFERRAL_RECEIVED,
        started_at=NOW,
        due_at=NOW + timedelta(hours=1),
        **facts,
    )


async def test_a_promise_is_followed_to_its_end_and_stays_there(http, submitted, hear):
    promise, referral = new_id(), submitted["id"]
    await hear(a_promise(notification.Promised, referral, promise))
    await hear(a_promise(notification.PromiseAtRisk, referral, promise))
    await hear(a_promise(notification.PromiseKept, referral, promise, kept_at=NOW))
    await hear(a_promise(notification.PromiseAtRisk, referral, promise))
    view = (await http.get(submitted["links"]["self"])).json()
    timeline = (await http.get(submitted["links"]["timeline"])).json()
    assert [(p["kind"], p["state"], p["kept_at"]) for p in view["promises"]] == [
        ("referral_received", "kept", "2026-03-02T15:00:00Z")
    ]
    assert [entry["text"].split(":")[0] for entry in timeline[1:]] == [
        "Promise given",
        "Promise at risk",
        "Promise kept",
        "Promise at risk",
    ]
    assert view["version"] == 1


async def test_a_late_first_word_of_a_promise_does_not_undo_its_end(http, submitted, hear):
    promise = new_id()
    await hear(a_promise(notification.PromiseBroken, submitted["id"], promise))
    await hear(a_promise(notification.Promised, submitted["id"], promise))
    view = (await http.get(submitted["links"]["self"])).json()
    assert [p["state"] for p in view["promises"]] == ["broken"]


async def test_a_promise_that_was_told_broken_may_turn_out_to_be_kept_and_not_the_reverse(
    http, submitted, hear
):
    promise, referral = new_id(), submitted["id"]
    await hear(a_promise(notification.PromiseBroken, referral, promise))
    await hear(a_promise(notification.PromiseKept, referral, promise, kept_at=NOW))
    await hear(a_promise(notification.PromiseBroken, referral, promise))
    view = (await http.get(submitted["links"]["self"])).json()
    assert [(p["state"], p["kept_at"]) for p in view["promises"]] == [
        ("kept", "2026-03-02T15:00:00Z")
    ]


def a_delivery(kind, referral_id, delivery_id, **facts):
    return kind(
        occurred_at=NOW,
        referral_id=referral_id,
        clinic_id="lakeside",
        delivery_id=delivery_id,
        notice_id=new_id(),
        notice="referral_received",
        channel="fax",
        attempts=2,
        **facts,
    )


async def test_deliveries_are_shown_with_how_they_ended(http, submitted, hear):
    failed, delivered = new_id(), new_id()
    why = {"reason_class": "busy", "failure_code": "BUSY", "next_channel": "emr"}
    await hear(a_delivery(notification.DeliveryFailed, submitted["id"], failed, **why))
    await hear(
        a_delivery(notification.NoticeDelivered, submitted["id"], delivered, confirmed_at=NOW)
    )
    await hear(a_delivery(notification.NoticeDelivered, submitted["id"], failed, confirmed_at=NOW))
    view = (await http.get(submitted["links"]["self"])).json()
    assert {d["id"]: d["state"] for d in view["deliveries"]} == {
        str(failed): "delivered",
        str(delivered): "delivered",
    }
    timeline = (await http.get(submitted["links"]["timeline"])).json()
    assert timeline[1]["text"] == "Could not tell the clinic by fax: referral received"
    assert timeline[1]["actor"] == "notifications"


@pytest.fixture
def hear_together(runtime, desk):
    """Hand events to the handler of many that they have in common."""

    async def hand(*events):
        handler, *others = {id(one): one for one in (handlers[type(e)] for e in events)}.values()
        assert isinstance(handler, Together)
        assert not others
        async with runtime.db.begin() as tx:
            await handler.many(tx, [Heard(event, None) for event in events], NOW)

    handlers = consumers.handlers(desk)
    return hand


async def test_what_is_told_together_is_followed_in_its_order(http, submitted, hear_together):
    """INVARIANT: the last word counts, also within a run. Broken by writing it by kind of word."""
    referral, promise, other, delivery = submitted["id"], new_id(), new_id(), new_id()
    why = {"reason_class": "busy", "failure_code": "BUSY"}
    told = {"referral_id": referral, "delivery_id": delivery}
    await hear_together(
        a_promise(notification.Promised, referral, promise),
        a_promise(notification.PromiseBroken, referral, other),
        a_delivery(notification.NoticeDelivered, **told, confirmed_at=NOW),
        a_promise(notification.PromiseKept, referral, promise, kept_at=NOW),
        a_promise(notification.PromiseAtRisk, referral, promise),
        a_promise(notification.Promised, referral, other),
        a_delivery(notification.DeliveryFailed, **told, **why),
    )
    view = (await http.get(submitted["links"]["self"])).json()
    timeline = (await http.get(submitted["links"]["timeline"])).json()
    assert sorted(p["state"] for p in view["promises"]) == ["broken", "kept"]
    assert [(d["state"], d["failure_code"]) for d in view["deliveries"]] == [("failed", "BUSY")]
    assert [entry["what"] for entry in timeline[1:]] == [
        "notification.promised.v1",
        "promise.broken.v1",
        "notification.delivered.v1",
        "promise.kept.v1",
        "promise.at_risk.v1",
        "notification.promised.v1",
        "notification.failed.v1",
    ]


async def test_a_delivery_that_was_made_in_the_end_names_no_failure(http, submitted, hear_together):
    delivery, why = new_id(), {"reason_class": "busy", "failure_code": "BUSY"}
    await hear_together(
        a_delivery(notification.DeliveryFailed, submitted["id"], delivery, **why),
        a_delivery(notification.NoticeDelivered, submitted["id"], delivery, confirmed_at=NOW),
    )
    (shown,) = (await http.get(submitted["links"]["self"])).json()["deliveries"]
    assert (shown["state"], shown["reason_class"], shown["failure_code"]) == (
        "delivered",
        None,
        None,
    )


async def test_of_a_run_with_word_of_an_unknown_referral_nothing_is_kept(
    http, submitted, hear_together
):
    with pytest.raises(SetAside):
        await hear_together(
            a_promise(notification.Promised, submitted["id"], new_id()),
            a_promise(notification.Promised, new_id(), new_id()),
        )
    assert not (await http.get(submitted["links"]["self"])).json()["promises"]


async def test_word_of_an_unknown_referral_is_set_aside(hear):
    with pytest.raises(SetAside):
        await hear(a_promise(notification.Promised, new_id(), new_id()))


def test_every_topic_that_is_read_has_a_handler(desk):
    handlers = consumers.handlers(desk)
    assert {event.topic for event in handlers} == set(consumers.TOPICS)
