from datetime import date

import pytest
from tests.notifications.builders import ALL, FAX, SECRET, clinic, hl7_link

from common.events.clinic import FaxNumber
from notifications.domain.routing import destination, eligible, may_leave, next_channel

EVERYTHING = {
    "channels": ("emr", "webhook", "fax", "console"),
    "hl7_links": (hl7_link(),),
    "webhook_url": "https://clinic.example/hook",
    "webhook_secret": SECRET,
}


def test_channels_are_taken_in_the_clinics_order() -> None:
    given = clinic(**EVERYTHING | {"channels": ("fax", "emr", "fax", "webhook")})
    assert list(eligible(given, ALL)) == ["fax", "emr", "webhook"]


def test_the_next_channel_is_the_first_that_was_not_used() -> None:
    given = clinic(**EVERYTHING)
    assert next_channel(given, ALL) == "emr"
    assert next_channel(given, ALL, used={"emr", "webhook"}) == "fax"
    assert next_channel(given, ALL, used=ALL) is None


@pytest.mark.parametrize(
    ("changes", "channel"),
    [
        ({"hl7_links": (hl7_link(host=None),)}, "emr"),
        ({"hl7_links": ()}, "emr"),
        ({"webhook_url": None}, "webhook"),
        ({"webhook_secret": None}, "webhook"),
        ({"webhook_disabled": True}, "webhook"),
        ({"fax_numbers": (FaxNumber(number=FAX),)}, "fax"),
        ({"quarantined_numbers": frozenset({FAX})}, "fax"),
    ],
)
def test_a_channel_that_cannot_reach_the_clinic_is_not_eligible(changes, channel) -> None:
    assert channel not in list(eligible(clinic(**EVERYTHING | changes), ALL))


def test_an_unverified_or_quarantined_number_is_passed_over_for_a_verified_one() -> None:
    """INVARIANT: a fax goes to a verified number or nowhere."""
    verified = FaxNumber(number="+12125550199", verified_on=date(2026, 1, 1))
    numbers = (
        FaxNumber(number="+12125550111"),
        FaxNumber(number=FAX, verified_on=date(2026, 1, 1)),
    )
    given = clinic(fax_numbers=(*numbers, verified), quarantined_numbers=frozenset({FAX}))
    assert destination(given, "fax") == "+12125550199"


def test_channels_that_this_installation_has_not_set_up_are_not_eligible() -> None:
    assert list(eligible(clinic(**EVERYTHING), frozenset({"console"}))) == ["console"]


def test_nothing_leaves_without_a_signed_baa() -> None:
    assert may_leave(clinic())
    assert not may_leave(clinic(baa_signed_on=None))
