"""A clinic's own rules."""

from datetime import time

import pytest
from tests.intake.builders import NOW

from common.errors import Invalid
from common.events.clinic import OpeningHours
from common.events.people import Contact
from intake.domain.clinic import Clinic


def a_clinic(**facts):
    return Clinic(**({"id": "lakeside", "name": "Lakeside", "promises": {}} | facts))


def test_the_first_version_is_kept_as_it_is():
    assert a_clinic().succeeding(None).version == 1


def test_an_unchanged_clinic_keeps_its_version():
    assert a_clinic().succeeding(a_clinic(version=4)).version == 4


def test_a_changed_clinic_gets_the_next_version():
    assert a_clinic(name="Lake").succeeding(a_clinic(version=4)).version == 5


def test_a_secret_that_is_not_given_again_is_kept_for_the_same_address():
    before = a_clinic(webhook_url="https://x.example/a", webhook_secret="whsec_1")
    same = a_clinic(webhook_url="https://x.example/a").succeeding(before)
    moved = a_clinic(webhook_url="https://x.example/b").succeeding(before)
    assert (same.webhook_secret, same.version, moved.webhook_secret) == ("whsec_1", 1, None)


def test_the_coordinator_is_addressed_else_the_first_contact_else_nobody():
    first, coordinator = Contact(name="A", role="nurse"), Contact(name="B")
    assert a_clinic(contacts=(first, coordinator)).coordinator() == coordinator
    assert a_clinic(contacts=(first,)).coordinator() == first
    assert a_clinic().coordinator() is None


@pytest.mark.parametrize("zone", ["Mars/Base", "", "america/chicago"])
def test_an_unknown_time_zone_is_refused_at_its_field(zone):
    with pytest.raises(Invalid) as refused:
        a_clinic(time_zone=zone)
    assert refused.value.errors[0].pointer == "/time_zone"


def test_hours_that_end_before_they_begin_are_refused_at_their_place():
    good = OpeningHours(weekday=0, opens=time(8), closes=time(17))
    bad = OpeningHours(weekday=1, opens=time(17), closes=time(8))
    with pytest.raises(Invalid) as refused:
        a_clinic(opening_hours=(good, bad))
    assert refused.value.errors[0].pointer == "/opening_hours/1/closes"


def test_the_event_holds_neither_people_nor_secrets():
    clinic = a_clinic(contacts=(Contact(name="ZZTESTREED"),), webhook_secret="whsec_x")
    told = clinic.changed(now=NOW).model_dump_json()
    assert "ZZTESTREED" not in told
    assert "whsec_x" not in told
    assert clinic.card().contacts[0].name == "ZZTESTREED"
