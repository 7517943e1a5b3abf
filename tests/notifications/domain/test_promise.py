from datetime import timedelta
from itertools import pairwise, product

import pytest
from tests.notifications.builders import NOW, clinic, referral_event, term

from common.events.clinic import PromiseKind
from common.events.referral import ReferralReceived, ReferralScheduled
from common.sealing import Sealer
from notifications.domain.promise import (
    DEFAULT_TERMS,
    NEXT,
    PromiseState,
    deadline,
    fate,
    sources,
    started_at,
    term_of,
)

S = PromiseState


def test_the_terms_are_those_that_clinics_were_told() -> None:
    hours = {kind: promised.within / timedelta(hours=1) for kind, promised in DEFAULT_TERMS.items()}
    assert hours == {
        PromiseKind.REFERRAL_RECEIVED: 1,
        PromiseKind.INFORMATION_NEEDED: 1,
        PromiseKind.PRIOR_AUTHORIZATION_STATUS: 24,
        PromiseKind.APPOINTMENT: 1,
        PromiseKind.OUTCOME: 1,
    }


def test_a_clinic_may_have_been_promised_otherwise() -> None:
    quick = clinic(promises=term(PromiseKind.OUTCOME, 0.5))
    assert term_of(quick, PromiseKind.OUTCOME).within == timedelta(minutes=30)
    assert term_of(quick, PromiseKind.APPOINTMENT).within == timedelta(hours=1)


def test_a_promise_is_at_risk_when_three_quarters_of_its_time_are_gone() -> None:
    clock = deadline(clinic(), PromiseKind.PRIOR_AUTHORIZATION_STATUS, NOW)
    assert clock.at_risk_at - NOW == timedelta(hours=18)
    assert clock.due_at - NOW == timedelta(hours=24)


def test_the_deadline_itself_is_in_time() -> None:
    assert fate(NOW, NOW) is S.KEPT
    assert fate(NOW + timedelta(microseconds=1), NOW) is S.BROKEN


@pytest.mark.parametrize(("state", "to"), [*product(S, S)])
def test_a_promise_only_moves_forward(state: S, to: S) -> None:
    """INVARIANT: nothing reopens a promise, and one that was kept is never broken."""
    order = [S.OPEN, S.AT_RISK, S.BROKEN, S.KEPT]
    forward = set(pairwise(order)) | {(S.OPEN, S.KEPT), (S.OPEN, S.BROKEN), (S.AT_RISK, S.KEPT)}
    assert (to in NEXT[state]) == ((state, to) in forward)
    assert (state in sources(to)) == ((state, to) in forward)


def test_the_clock_starts_with_the_event_but_for_a_referral_with_its_receipt(
    sealer: Sealer,
) -> None:
    earlier = NOW - timedelta(minutes=3)
    received = referral_event(ReferralReceived, sealer, received_at=earlier)
    assert started_at(received) == earlier
    assert started_at(referral_event(ReferralScheduled, sealer)) == NOW
