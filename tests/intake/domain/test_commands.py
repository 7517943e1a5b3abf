"""Which command is taken in which status, against a table written by hand; and what each leads to."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from tests.intake.builders import NOW, a_referral, an_appointment, an_authorization

from common.errors import Conflict, IllegalMove
from common.events.referral import InformationNeeded
from common.ids import new_id
from intake.domain import authorizing, endings, holds, information, progress, scheduling, shipment
from intake.domain.authorizing import PaChange
from intake.domain.commands import Command, allowed, refusal, require
from intake.domain.findings import Finding
from intake.domain.information import Arrival
from intake.domain.prior_authorization import PaState
from intake.domain.reasons import (
    CancelReason,
    DeclineReason,
    DiscontinueReason,
    HoldReason,
    ShipmentTrouble,
    TransferReason,
)
from intake.domain.referral import NEXT, Pause, Status

EVERYWHERE_OPEN = {
    "request-information",
    "provide-information",
    "hold",
    "decline",
    "transfer",
    "request-cancellation",
    "cancel",
}
WORKING = EVERYWHERE_OPEN | {
    "prior-authorizations",
    "start-benefits-investigation",
    "start-financial-assistance",
    "start-clinical-review",
    "ready-to-schedule",
    "schedule",
}
LATE = EVERYWHERE_OPEN | {"prior-authorizations"}

EXPECTED = {
    "received": EVERYWHERE_OPEN | {"accept"},
    "information_needed": EVERYWHERE_OPEN | {"accept"},
    "accepted": WORKING,
    "benefits_investigation": WORKING - {"start-benefits-investigation"},
    "prior_authorization": WORKING,
    "financial_assistance": WORKING - {"start-financial-assistance"},
    "clinical_review": WORKING - {"start-clinical-review"},
    "ready_to_schedule": LATE | {"schedule"},
    "scheduled": LATE | {"reschedule", "cancel-appointment", "no-show", "ship", "activate"},
    "shipped": LATE | {"report-shipment", "activate"},
    "active": {"discontinue", "request-cancellation", "prior-authorizations"},
    "on_hold": EVERYWHERE_OPEN - {"hold", "request-information"}
    | {"resume", "prior-authorizations"},
    "declined": set(),
    "transferred": set(),
    "cancelled": set(),
    "discontinued": set(),
}

LATER = datetime(2026, 3, 10, 16, tzinfo=UTC)


DOING = {
    "accept": lambda r: progress.accept(r, now=NOW),
    "request-information": lambda r: information.request(
        r, missing=["x"], waits="patient", respond_by=LATER, now=NOW
    ),
    "provide-information": lambda r: information.provide(
        r, answered=["x"], missing=[], is_asked=False, now=NOW
    ),
    "start-benefits-investigation": lambda r: progress.start_benefits_investigation(r, now=NOW),
    "start-financial-assistance": lambda r: progress.start_financial_assistance(
        r, waits="patient", now=NOW
    ),
    "start-clinical-review": lambda r: progress.start_clinical_review(
        r, waits="prescriber", now=NOW
    ),
    "ready-to-schedule": lambda r: progress.ready_to_schedule(r, now=NOW),
    "schedule": lambda r: scheduling.schedule(r, an_appointment(), now=NOW),
    "reschedule": lambda r: scheduling.reschedule(
        r, starts_at=LATER, ends_at=None, place=None, now=NOW
    ),
    "cancel-appointment": lambda r: scheduling.cancel_appointment(r, now=NOW),
    "no-show": lambda r: scheduling.miss(r, now=NOW),
    "ship": lambda r: shipment.ship(r, carrier="UPS", expected_on=date(2026, 3, 9), now=NOW),
    "report-shipment": lambda r: shipment.report(
        r, ShipmentTrouble.RETURNED, carrier=None, expected_on=None, now=NOW
    ),
    "activate": lambda r: shipment.activate(r, "picked_up", had_at=NOW, now=NOW),
    "hold": lambda r: holds.hold(r, HoldReason.STOCK_OUT, respond_by=None, now=NOW),
    "resume": lambda r: holds.resume(r, now=NOW),
    "decline": lambda r: endings.decline(r, DeclineReason.OUT_OF_NETWORK, now=NOW),
    "transfer": lambda r: endings.transfer(
        r, TransferReason.PATIENT_CHOICE, pharmacy_name="Elm", pharmacy_phone=None, now=NOW
    ),
    "request-cancellation": lambda r: endings.request_cancellation(
        r, CancelReason.PRESCRIBER_WITHDREW, now=NOW
    ),
    "cancel": lambda r: endings.cancel(r, None, now=NOW),
    "discontinue": lambda r: endings.discontinue(r, DiscontinueReason.THERAPY_COMPLETE, now=NOW),
    "prior-authorizations": lambda r: authorizing.put(
        r,
        PaChange(id=new_id(), state=PaState.REQUIRED_NOT_STARTED, benefit="medical"),
        now=NOW,
    ),
}


def do(command, referral):
    """Give a command with the least it needs; return what it decides."""
    return DOING[str(command)](referral)


def provide(referral, *, answered, missing):
    return information.provide(
        referral, answered=answered, missing=missing, is_asked=False, now=NOW
    )


def receive(arrival):
    return information.receive(a_referral(), arrival, now=NOW)


def cancel(referral, reason):
    return endings.cancel(referral, reason, now=NOW)


def types(events):
    return [event.type for event in events]


@pytest.mark.parametrize("status", list(Status))
def test_a_status_takes_the_expected_commands_and_no_others(status):
    """INVARIANT: a command allowed in one more status breaks this."""
    assert set(allowed(a_referral(status=status))) == EXPECTED[status]


@pytest.mark.parametrize(("status", "command"), list(product(Status, Command)))
def test_a_command_is_carried_out_where_it_is_allowed_and_else_names_what_is(status, command):
    referral = a_referral(status=status, version=5)
    if command not in EXPECTED[status]:
        with pytest.raises(IllegalMove) as refused:
            do(command, referral)
        assert set(refused.value.allowed) == EXPECTED[status]
        return
    after, events = do(command, referral)
    assert events
    assert events[-1].status == after.status
    assert after.version > referral.version
    assert after.status == status or after.status in NEXT[status] or command == "schedule"


def test_the_state_machine_is_driven_to_the_good_end():
    referral = a_referral()
    told = []
    for command in ("accept", "start-benefits-investigation", "schedule", "ship", "activate"):
        referral, events = do(command, referral)
        told += types(events)
    assert referral.status == "active"
    assert referral.waiting_on == "nobody"
    assert told == [
        "referral.accepted.v1",
        "referral.progressed.v1",
        "referral.progressed.v1",
        "referral.scheduled.v1",
        "referral.shipped.v1",
        "referral.activated.v1",
    ]


def test_scheduling_from_a_working_stage_tells_both_moves():
    after, (ready, booked) = do("schedule", a_referral(status=Status.CLINICAL_REVIEW))
    assert (ready.previous_status, ready.status, booked.status) == (
        "clinical_review",
        "ready_to_schedule",
        "scheduled",
    )
    assert (after.waiting_on, booked.version - ready.version) == ("patient", 1)


def test_an_open_authorization_blocks_the_date_and_is_named():
    pa = an_authorization(state=PaState.SUBMITTED)
    referral = a_referral(status=Status.PRIOR_AUTHORIZATION, authorizations=(pa,))
    with pytest.raises(
        IllegalMove, match=f"pharmacy prior authorization {pa.id} .submitted."
    ) as no:
        do("schedule", referral)
    assert "schedule" not in no.value.allowed
    assert refusal(referral, Command.READY_TO_SCHEDULE)


def test_what_was_not_shipped_cannot_be_delivered():
    with pytest.raises(IllegalMove, match="ship it first"):
        shipment.activate(a_referral(status=Status.SCHEDULED), "delivered", had_at=NOW, now=NOW)
    shipped = a_referral(status=Status.SHIPPED)
    after, _ = shipment.activate(shipped, "delivered", had_at=NOW, now=NOW)
    assert after.status == "active"


@pytest.mark.parametrize("stage", sorted(set(Status) - {"on_hold", "active"} - {"declined"}))
def test_a_hold_goes_back_to_where_it_paused(stage):
    if Status(stage) in {"transferred", "cancelled", "discontinued"}:
        return
    before = a_referral(status=Status(stage), reason="delayed", waiting_on="patient")
    held, _ = do("hold", before)
    after, events = do("resume", held)
    assert (held.waiting_on, held.reason) == ("pharmacy", "stock_out")
    assert (after.status, after.held_at) == (stage, None)
    assert types(events) == ["referral.resumed.v1"]
    expected = "pharmacy" if stage == "prior_authorization" else "patient"
    assert after.waiting_on == expected


@pytest.mark.parametrize(
    ("reason", "actor"),
    [
        ("prescriber", "prescriber"),
        ("patient", "patient"),
        ("clinical", "prescriber"),
        ("stock_out", "pharmacy"),
        ("limited_distribution", "pharmacy"),
    ],
)
def test_a_hold_waits_on_whom_its_reason_names(reason, actor):
    held, (event,) = holds.hold(
        a_referral(status=Status.ACCEPTED), HoldReason(reason), respond_by=LATER, now=NOW
    )
    assert (held.waiting_on, event.respond_by) == (actor, LATER)


def test_a_question_comes_back_to_the_stage_it_was_asked_in():
    asked, (needed,) = do("request-information", a_referral(status=Status.CLINICAL_REVIEW))
    after, (provided,) = do("provide-information", asked)
    assert (asked.status, asked.waiting_on) == ("information_needed", "patient")
    assert (needed.missing, needed.respond_by) == (("question",), LATER)
    assert (after.status, after.asked_at, provided.status) == (
        "clinical_review",
        None,
        "clinical_review",
    )


def test_what_is_answered_during_a_hold_is_not_asked_after_it():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    held, _ = do("hold", asked)
    answered, (provided,) = do("provide-information", held)
    resumed, _ = do("resume", answered)
    assert (answered.status, answered.waiting_on, provided.status) == (
        "on_hold",
        "pharmacy",
        "on_hold",
    )
    assert (resumed.status, resumed.waiting_on, resumed.asked_at) == ("accepted", "pharmacy", None)


def test_a_question_of_staff_stays_open_beside_a_correction():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    after, (_, needed) = information.provide(
        asked, answered=[], missing=["b"], is_asked=True, now=NOW
    )
    assert after.asked_at
    assert (after.status, after.asked_at.status) == ("information_needed", "accepted")
    assert isinstance(needed, InformationNeeded)
    assert needed.missing == ("question",)


def test_a_second_question_stays_with_the_first_stage():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    again, _ = do("request-information", asked)
    assert (again.status, again.asked_at.status) == ("information_needed", "accepted")


def test_what_is_still_missing_is_asked_for_again():
    referral = a_referral(status=Status.INFORMATION_NEEDED, waiting_on="prescriber")
    after, (provided, needed) = provide(referral, answered=["a"], missing=["b"])
    assert (after.status, after.waiting_on) == ("information_needed", "prescriber")
    assert (provided.answered, needed.missing) == (("a",), ("b",))


def test_findings_no_longer_hold_up_what_was_accepted():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    after, events = provide(asked, answered=[], missing=["b"])
    assert (after.status, len(events)) == ("accepted", 1)


def test_a_correction_keeps_the_status():
    before = a_referral(status=Status.SCHEDULED, waiting_on="patient")
    after, (event,) = provide(before, answered=[], missing=["b"])
    assert (after.status, after.waiting_on, event.type) == (
        "scheduled",
        "patient",
        "referral.information_provided.v1",
    )


def test_a_correction_that_leaves_a_gap_is_asked_for():
    after, events = provide(a_referral(), answered=[], missing=["b"])
    assert (after.status, after.waiting_on) == ("information_needed", "prescriber")
    assert types(events)[-1] == "referral.information_needed.v1"


def test_a_referral_accepted_in_spite_of_questions_takes_no_second_acceptance():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    with pytest.raises(IllegalMove, match="answer with provide-information"):
        require(asked, Command.ACCEPT)


def test_a_clean_referral_is_received_and_nothing_is_asked():
    referral, events = information.receive(
        a_referral(), Arrival(door="rest", received_at=NOW), now=NOW
    )
    assert (referral.status, types(events)) == ("received", ["referral.received.v1"])


def test_a_referral_with_gaps_is_received_and_at_once_asked_about():
    gap = Finding("birth_date_missing", "/patient/birth_date", "When?")
    doubt = Finding("therapy_missing", "/therapy", "New?", blocking=False)
    arrival = Arrival(door="hl7v2", received_at=NOW, findings=(gap, doubt))
    referral, (received, needed) = receive(arrival)
    assert (received.status, received.findings) == (
        "received",
        ("birth_date_missing", "therapy_missing"),
    )
    assert (needed.status, needed.missing) == ("information_needed", ("birth_date_missing",))
    assert (referral.waiting_on, referral.asked_at.status) == ("prescriber", "received")


def test_no_show_keeps_the_status_until_there_is_a_new_date():
    missed, (event,) = do("no-show", a_referral(status=Status.SCHEDULED))
    with pytest.raises(IllegalMove, match="already reported missing"):
        do("no-show", missed)
    after, (moved,) = do("reschedule", missed)
    assert (missed.status, missed.reason, missed.waiting_on) == ("scheduled", "missed", "patient")
    assert event.appointment.id == moved.appointment.id == after.appointment.id
    assert (after.reason, moved.previous_starts_at) == (None, missed.appointment.starts_at)


def test_a_cancelled_appointment_leaves_the_referral_ready_for_another():
    after, (event,) = do("cancel-appointment", a_referral(status=Status.SCHEDULED))
    assert (after.status, after.appointment.state) == ("ready_to_schedule", "cancelled")
    assert event.type == "appointment.cancelled.v1"


def test_only_a_returned_shipment_is_scheduled_again():
    shipped = a_referral(status=Status.SHIPPED)
    with pytest.raises(IllegalMove, match="on its way"):
        do("schedule", shipped)
    returned, (event,) = do("report-shipment", shipped)
    after, _ = do("schedule", returned)
    assert (event.reason, event.status, after.status) == ("returned", "shipped", "scheduled")


def test_cancelling_by_the_clinic_is_a_request_that_the_pharmacy_confirms():
    wished, (request,) = do("request-cancellation", a_referral(status=Status.ACCEPTED))
    with pytest.raises(IllegalMove, match="requested already"):
        do("request-cancellation", wished)
    after, (event,) = do("cancel", wished)
    assert (wished.status, wished.waiting_on) == ("accepted", "pharmacy")
    assert request.reason == "prescriber_withdrew"
    assert (event.requested_by, event.reason) == ("clinic", "prescriber_withdrew")
    assert (after.status, after.cancellation.state) == ("cancelled", "confirmed")


def test_a_pharmacy_cancels_of_its_own_accord():
    _, (event,) = cancel(a_referral(), CancelReason.COST)
    assert (event.requested_by, event.reason) == ("pharmacy", "cost")
    _, (silent,) = do("cancel", a_referral())
    assert silent.reason == "other"


@pytest.mark.parametrize("status", [Status.SHIPPED, Status.ACTIVE])
def test_a_wish_to_cancel_what_is_shipped_or_active_is_overtaken(status):
    after, (event,) = do("request-cancellation", a_referral(status=status))
    assert event.type == "referral.cancellation_overtaken.v1"
    assert (after.status, after.cancellation.state) == (status, "overtaken")


def test_a_wish_to_cancel_is_overtaken_while_a_shipment_is_held():
    held, _ = do("hold", a_referral(status=Status.SHIPPED))
    _, (event,) = do("request-cancellation", held)
    assert event.type == "referral.cancellation_overtaken.v1"


@pytest.mark.parametrize("pause", [None, "hold", "request-information"])
def test_a_wish_to_cancel_what_came_back_is_not_too_late(pause):
    referral, _ = do("report-shipment", a_referral(status=Status.SHIPPED))
    if pause:
        referral, _ = do(pause, referral)
    after, events = do("request-cancellation", referral)
    assert (after.cancellation.state, types(events)) == (
        "requested",
        ["referral.cancellation_requested.v1"],
    )


def test_shipping_overtakes_an_unanswered_wish_to_cancel():
    wished, _ = do("request-cancellation", a_referral(status=Status.SCHEDULED))
    after, events = do("ship", wished)
    assert types(events) == ["referral.shipped.v1", "referral.cancellation_overtaken.v1"]
    assert after.cancellation.state == "overtaken"


def test_an_end_releases_the_appointment():
    after, _ = do("decline", a_referral(status=Status.SCHEDULED))
    assert after.appointment.state == "cancelled"


def test_an_end_leaves_a_missed_appointment_missed():
    missed, _ = do("no-show", a_referral(status=Status.SCHEDULED))
    after, _ = do("decline", missed)
    assert after.appointment.state == "missed"


def test_opening_an_authorization_moves_an_accepted_referral():
    after, (event,) = do("prior-authorizations", a_referral(status=Status.ACCEPTED))
    assert (after.status, after.waiting_on) == ("prior_authorization", "pharmacy")
    assert (event.type, event.open, event.previous_state) == (
        "prior_authorization.changed.v1",
        True,
        None,
    )


def put(referral, pa_id, state, benefit="pharmacy", **facts):
    change = PaChange(id=pa_id, state=PaState(state), benefit=benefit, **facts)
    return authorizing.put(referral, change, now=NOW + timedelta(days=1))


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.READY_TO_SCHEDULE])
def test_that_none_is_required_is_recorded_without_moving_the_referral(status):
    after, (event,) = put(a_referral(status=status), new_id(), "not_required")
    assert (after.status, event.open, len(after.authorizations)) == (status, False, 1)


def test_the_authorization_decides_who_acts_while_the_referral_is_in_that_status():
    pa = new_id()
    referral, told = a_referral(status=Status.ACCEPTED), []
    story = ["required_not_started", "submitted", "denied", "appeal_submitted", "appeal_approved"]
    for state in story:
        referral, (event,) = put(referral, pa, state)
        told.append(event)
    waits = [event.waiting_on for event in told]
    assert waits == ["pharmacy", "payer", "prescriber", "payer", "pharmacy"]
    assert (referral.status, told[-1].level, told[-1].open) == ("prior_authorization", 1, False)


def test_the_same_put_again_changes_nothing():
    pa = new_id()
    once, _ = put(a_referral(status=Status.ACCEPTED), pa, "required_not_started")
    assert put(once, pa, "required_not_started") == (once, ())


def test_a_new_authorization_begins_at_the_beginning_and_names_its_benefit():
    referral = a_referral(status=Status.ACCEPTED)
    with pytest.raises(IllegalMove, match="that is new") as refused:
        put(referral, new_id(), "approved")
    assert refused.value.allowed == ("not_required", "required_not_started")
    with pytest.raises(Exception, match="needs its benefit"):
        put(referral, new_id(), "required_not_started", benefit=None)


def test_one_authorization_is_current_per_benefit():
    referral, _ = put(a_referral(status=Status.ACCEPTED), new_id(), "required_not_started")
    with pytest.raises(Conflict, match="is the current one"):
        put(referral, new_id(), "required_not_started")
    both, _ = put(referral, new_id(), "required_not_started", benefit="medical")
    assert len(both.open_authorizations) == 2


def test_a_renewal_is_a_new_record_that_names_the_old_one():
    old, new = new_id(), new_id()
    referral, _ = put(a_referral(status=Status.ACCEPTED), old, "required_not_started")
    referral, _ = put(referral, old, "cancelled")
    referral, _ = put(referral, new, "required_not_started")
    first, second = referral.authorizations
    assert (first.current, second.replaces, second.current) == (False, old, True)


def test_an_authorization_cannot_change_its_benefit():
    pa = new_id()
    referral, _ = put(a_referral(status=Status.ACCEPTED), pa, "required_not_started")
    with pytest.raises(Conflict, match="of the pharmacy benefit"):
        put(referral, pa, "submitted", benefit="medical")


def test_an_appeal_filed_from_another_stage_brings_the_referral_back():
    pa = new_id()
    referral, _ = put(a_referral(status=Status.ACCEPTED), pa, "required_not_started")
    referral, _ = put(referral, pa, "submitted")
    referral, _ = put(referral, pa, "denied")
    aside, _ = do("start-financial-assistance", referral)
    after, _ = put(aside, pa, "appeal_submitted")
    assert (aside.waiting_on, after.status, after.waiting_on) == (
        "patient",
        "prior_authorization",
        "payer",
    )


def test_a_closed_authorization_does_not_pull_the_referral_back():
    pa = an_authorization(state=PaState.APPROVED)
    referral = a_referral(status=Status.READY_TO_SCHEDULE, authorizations=(pa,))
    after, (event,) = put(referral, pa.id, "expired")
    assert (after.status, event.state) == ("ready_to_schedule", "expired")


@pytest.mark.parametrize("status", [Status.SCHEDULED, Status.SHIPPED, Status.ACTIVE])
def test_once_there_is_a_date_an_authorization_is_recorded_without_moving_the_referral(status):
    after, _ = do("prior-authorizations", a_referral(status=status))
    assert (after.status, len(after.authorizations)) == (status, 1)


def test_a_paused_referral_resumes_where_the_authorization_took_it():
    asked, _ = do("request-information", a_referral(status=Status.ACCEPTED))
    held, _ = do("hold", asked)
    opened, _ = do("prior-authorizations", held)
    resumed, _ = do("resume", opened)
    after, _ = do("provide-information", resumed)
    assert (opened.status, resumed.status, after.status) == (
        "on_hold",
        "information_needed",
        "prior_authorization",
    )


def test_a_referral_held_before_acceptance_takes_no_authorization():
    held = a_referral(status=Status.ON_HOLD, held_at=Pause(Status.RECEIVED, None, "pharmacy"))
    with pytest.raises(IllegalMove, match="not accepted yet"):
        do("prior-authorizations", held)
