from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import TemplateNotFound
from tests.notifications.templates.events import (
    CARD,
    CLINIC,
    NOW,
    SOON,
    appointment,
    head,
    prior_authorization,
    with_reason,
)

from common.events.people import Contact, PatientCard
from common.events.referral import InformationNeeded, ReferralReceived, ReferralScheduled
from notifications.wording import compose, dates
from notifications.wording.text import one_line, patient_name, phone, plain, words


def told(event, name, *, card=CARD, clinic=CLINIC, now=NOW):
    return compose(event, card, clinic, name=name, now=now)


def asking(**more):
    waits = head("information_needed", "prescriber", **more)
    return InformationNeeded(**waits, missing=("therapy_missing",))


def denied(**more):
    return prior_authorization("denied", **more)


def test_a_notice_is_addressed_to_the_contact_by_name_and_role():
    card = CARD.model_copy(update={"contact": Contact(name="Ana Ruiz", role="prior_auth_nurse")})

    notice = told(asking(), "information_needed", card=card)

    assert notice.addressed_to == "Ana Ruiz, prior auth nurse"


@pytest.mark.parametrize("contact", [None, Contact(name=" ")])
def test_a_notice_without_a_contact_is_addressed_to_the_team(contact):
    card = CARD.model_copy(update={"contact": contact})

    assert told(asking(), "information_needed", card=card).addressed_to == "Referral team"


def test_by_when_is_told_in_the_time_zone_of_the_clinic():
    event = asking(respond_by=datetime(2026, 11, 24, 20, 15, tzinfo=UTC))
    in_chicago = replace(CLINIC, time_zone="America/Chicago")

    assert told(event, "information_needed").by_when == "Tue Nov 24, 3:15 PM EST"
    assert told(event, "information_needed", clinic=in_chicago).by_when == "Tue Nov 24, 2:15 PM CST"


def test_there_is_no_date_where_nobody_must_act():
    event = with_reason("referral_declined", "not_stocked").model_copy(update={"respond_by": SOON})

    assert told(event, "referral_declined").by_when is None


def test_a_denial_names_reason_day_and_appeal_deadline_and_offers_the_choices():
    event = denied(
        denial_reason="step_therapy_not_met",
        decided_on=date(2026, 11, 23),
        appeal_deadline=date(2027, 1, 15),
    )

    notice = told(event, "prior_authorization_changed")

    assert notice.title == "Prior authorization denied"
    assert "on Mon Nov 23, 2026. Reason: other drugs have to be tried first" in notice.happened
    assert "An appeal must reach the plan by Fri Jan 15, 2027." in notice.next_step
    assert notice.who_acts == "Your office"
    assert notice.by_when == "Fri Jan 15, 2027"
    assert [item.split(".")[0] for item in notice.items] == [
        "Appeal",
        "Change the drug",
        "Cancel this referral",
    ]


def test_a_denial_is_answered_by_our_date_where_there_is_one():
    event = denied(appeal_deadline=date(2027, 1, 15)).model_copy(update={"respond_by": SOON})

    assert told(event, "prior_authorization_changed").by_when == "Thu Nov 26, 3:15 PM EST"


def test_an_approval_says_through_when_and_under_which_number():
    card = CARD.model_copy(update={"authorization_number": "A-88213"})
    event = prior_authorization("approved", expires_on=date(2027, 11, 22))

    notice = told(event, "prior_authorization_changed", card=card)

    assert "(pharmacy benefit) through Mon Nov 22, 2027." in notice.happened
    assert "Authorization number: A-88213." in notice.happened


def test_a_heartbeat_repeats_the_last_change_and_says_since_when_nothing_moved():
    event = prior_authorization("submitted")
    tomorrow = NOW + timedelta(days=1)

    notice = told(event, "prior_authorization_pending", now=tomorrow)

    assert notice.title == "Still pending: Prior authorization submitted"
    assert notice.happened.startswith("Nothing has changed since Tue Nov 24, 3:15 PM EST.")
    assert notice.happened_at == tomorrow


def test_a_heartbeat_reminds_whoever_must_act():
    notice = told(prior_authorization("peer_to_peer"), "prior_authorization_pending")

    assert notice.title == "Reminder: Peer-to-peer call offered"


def test_an_appointment_is_told_from_when_to_when_and_where():
    card = CARD.model_copy(update={"place": "Lakeside infusion suite"})
    event = ReferralScheduled(**head("scheduled", "patient"), appointment=appointment("infusion"))

    notice = told(event, "referral_scheduled", card=card)

    assert notice.title == "Infusion scheduled: Thu Nov 26"
    assert "on Thu Nov 26, 3:15 PM to 6:15 PM EST. Place: Lakeside infusion suite." in (
        notice.happened
    )


def test_the_death_of_a_patient_is_not_answered_with_a_sales_line():
    for name in ("referral_cancelled", "referral_discontinued"):
        notice = told(with_reason(name, "deceased"), name)

        assert "new referral" not in notice.next_step


def test_the_note_of_an_event_is_passed_on():
    card = CARD.model_copy(update={"note": "Ask for Bea."})

    assert "Note: Ask for Bea." in told(asking(), "information_needed", card=card).happened


def test_a_question_of_several_lines_is_one_item():
    card = CARD.model_copy(update={"questions": ("First line\nsecond\x0cline", "Another?")})

    notice = told(asking(), "information_needed", card=card)

    assert notice.items == ("First line second line", "Another?")


def test_what_people_wrote_is_never_read_as_a_template():
    card = CARD.model_copy(update={"note": "{{ 7 * 7 }}", "questions": ("{% raw %}?",)})

    notice = told(asking(), "information_needed", card=card)

    assert "{{ 7 * 7 }}" in notice.happened
    assert notice.items == ("{% raw %}?",)


def test_a_template_that_names_what_the_event_lacks_is_an_error():
    with pytest.raises(UndefinedError):
        told(asking(), "referral_scheduled")


def test_a_name_without_a_template_is_an_error():
    with pytest.raises(TemplateNotFound):
        told(asking(), "no_such_notice")


def test_a_drug_that_is_not_known_yet_is_told_as_such():
    card = CARD.model_copy(update={"medication": " "})

    assert told(asking(), "information_needed", card=card).medication == "Not given yet"


def test_a_receipt_names_the_door_and_our_time_of_receipt():
    event = ReferralReceived(
        **head("received"), door="hl7v2", received_at=NOW - timedelta(minutes=5)
    )

    notice = told(event, "referral_received")

    assert notice.happened == "We received your referral from your EMR on Tue Nov 24, 3:10 PM EST."


@pytest.mark.parametrize(
    ("at", "zone", "told"),
    [
        ("2026-11-24T20:15", "America/New_York", "Tue Nov 24, 3:15 PM EST"),
        ("2026-07-04T16:00", "America/New_York", "Sat Jul 4, 12:00 PM EDT"),
        ("2026-03-08T04:59", "America/New_York", "Sat Mar 7, 11:59 PM EST"),
        ("2026-03-08T05:00", "America/New_York", "Sun Mar 8, 12:00 AM EST"),
        ("2027-01-01T00:30", "America/New_York", "Thu Dec 31, 7:30 PM EST"),
        ("2027-01-01T12:30", "America/New_York", "Fri Jan 1, 2027, 7:30 AM EST"),
        ("2026-11-24T20:15", "UTC", "Tue Nov 24, 8:15 PM UTC"),
        ("2026-11-24T20:15", "America/Sao_Paulo", "Tue Nov 24, 5:15 PM UTC-03"),
    ],
)
def test_a_moment_reads_as_people_say_it(at, zone, told):
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)

    assert dates.moment(moment, zone, now=NOW) == told


def test_a_span_over_midnight_names_both_days():
    end = SOON + timedelta(hours=12)

    assert dates.span(SOON, end, "America/New_York", now=NOW) == (
        "Thu Nov 26, 3:15 PM EST to Fri Nov 27, 3:15 AM EST"
    )
    assert dates.span(SOON, SOON, "UTC", now=NOW) == "Thu Nov 26, 8:15 PM UTC"


def test_a_patient_is_told_as_far_as_known():
    born = date(1980, 2, 3)
    whole = PatientCard(family_name="ZZTEST", given_names=("Maria", "José"), birth_date=born)

    assert patient_name(whole) == "ZZTEST, Maria José (born Feb 3, 1980)"
    assert patient_name(PatientCard(family_name="ZZTEST")) == "ZZTEST"


def test_small_words():
    assert phone("+15550100177") == "(555) 010-0177"
    assert phone("+442071234567") == "+442071234567"
    assert words("drug_not-found") == "drug not found"
    assert plain(" N\u0303o\u200bn ") == "Ño n"


@pytest.mark.parametrize("sign", ["", "é"], ids=["ascii", "beyond"])
def test_what_people_wrote_stands_on_one_line_without_control_characters(sign: str) -> None:
    wrote = f"\tAna\x00\x7f{sign}\r\n  Ruiz\x1f \n"
    assert one_line(wrote) == (f" Ana {sign} Ruiz " if sign else " Ana Ruiz ")
    assert plain(wrote) == one_line(wrote).strip()
