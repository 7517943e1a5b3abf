"""The table of allowed moves, against a second one written by hand from the architecture page."""

from itertools import product

import pytest
from tests.intake.builders import a_referral

from common.errors import IllegalMove
from intake.domain.referral import NEXT, WAITS, Status

ASIDE = "information_needed on_hold declined transferred cancelled"

EXPECTED = {
    "received": f"accepted {ASIDE}",
    "information_needed": "received accepted benefits_investigation prior_authorization"
    " financial_assistance clinical_review ready_to_schedule scheduled shipped"
    " on_hold declined transferred cancelled",
    "accepted": "benefits_investigation prior_authorization financial_assistance clinical_review"
    f" ready_to_schedule {ASIDE}",
    "benefits_investigation": "prior_authorization financial_assistance clinical_review"
    f" ready_to_schedule {ASIDE}",
    "prior_authorization": "benefits_investigation financial_assistance clinical_review"
    f" ready_to_schedule {ASIDE}",
    "financial_assistance": "benefits_investigation prior_authorization clinical_review"
    f" ready_to_schedule {ASIDE}",
    "clinical_review": "benefits_investigation prior_authorization financial_assistance"
    f" ready_to_schedule {ASIDE}",
    "ready_to_schedule": f"prior_authorization scheduled {ASIDE}",
    "scheduled": f"ready_to_schedule shipped active {ASIDE}",
    "shipped": f"ready_to_schedule active {ASIDE}",
    "active": "discontinued",
    "on_hold": "received information_needed accepted benefits_investigation prior_authorization"
    " financial_assistance clinical_review ready_to_schedule scheduled shipped"
    " declined transferred cancelled",
    "declined": "",
    "transferred": "",
    "cancelled": "",
    "discontinued": "",
}

PAIRS = list(product(Status, Status))


def is_expected(before, after):
    return after in EXPECTED[before].split()


def test_the_table_holds_the_expected_moves_and_no_others():
    """INVARIANT: a move added to or taken from the table breaks this."""
    assert {s.value: sorted(NEXT[s]) for s in Status} == {
        before: sorted(after.split()) for before, after in EXPECTED.items()
    }


@pytest.mark.parametrize(("before", "after"), [p for p in PAIRS if is_expected(*p)])
def test_an_allowed_move_gives_the_next_version_in_the_new_status(before, after):
    referral = a_referral(status=before, version=3)
    moved = referral.to(after)
    assert (moved.status, moved.version, referral.status) == (after, 4, before)


@pytest.mark.parametrize(("before", "after"), [p for p in PAIRS if not is_expected(*p)])
def test_a_forbidden_move_is_refused_and_names_what_is_allowed(before, after):
    with pytest.raises(IllegalMove) as refused:
        a_referral(status=before).to(after)
    assert set(refused.value.allowed) == set(EXPECTED[before].split())


def test_every_status_names_exactly_one_next_actor():
    assert set(WAITS) == set(Status)
    ends = {"active", "declined", "transferred", "cancelled", "discontinued"}
    assert {s.value for s in Status if WAITS[s] == "nobody"} == ends
