"""The prior authorization's table, against a second one written by hand."""

from datetime import UTC, date, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.intake.builders import an_authorization

from common.errors import Conflict, IllegalMove
from intake.domain.prior_authorization import (
    NEXT_ACTOR,
    NO_DETAILS,
    PA_NEXT,
    AppealLevel,
    PaDetails,
    PaState,
    waiting_on,
)
from intake.domain.reasons import DenialReason

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)

EXPECTED = {
    "not_required": "",
    "required_not_started": "waiting_prescriber submitted cancelled change_payer",
    "waiting_prescriber": "submitted cancelled change_payer",
    "submitted": "pended_info peer_to_peer approved approved_modified denied not_required"
    " cancelled error change_payer",
    "pended_info": "submitted approved approved_modified denied cancelled change_payer",
    "peer_to_peer": "submitted approved approved_modified denied cancelled change_payer",
    "approved": "expired change_payer",
    "approved_modified": "expired change_payer",
    "denied": "appeal_submitted submitted cancelled change_payer",
    "appeal_submitted": "appeal_approved appeal_denied pended_info cancelled",
    "appeal_approved": "expired change_payer",
    "appeal_denied": "appeal_submitted cancelled",
    "cancelled": "",
    "expired": "",
    "change_payer": "",
    "error": "submitted cancelled",
}

ACTORS = {
    "pharmacy": "not_required required_not_started approved approved_modified appeal_approved"
    " cancelled change_payer error",
    "prescriber": "waiting_prescriber pended_info peer_to_peer denied appeal_denied expired",
    "payer": "submitted appeal_submitted",
}

PAIRS = list(product(PaState, PaState))


def is_expected(before, after):
    return after in EXPECTED[before].split()


def test_the_table_holds_the_expected_moves_and_no_others():
    """INVARIANT: a move added to or taken from the table breaks this."""
    assert {s.value: sorted(PA_NEXT[s]) for s in PaState} == {
        before: sorted(after.split()) for before, after in EXPECTED.items()
    }


def test_every_state_has_exactly_one_next_actor():
    assert {s.value: NEXT_ACTOR[s] for s in PaState} == {
        state: actor for actor, states in ACTORS.items() for state in states.split()
    }


@pytest.mark.parametrize(("before", "after"), [p for p in PAIRS if is_expected(*p)])
def test_an_allowed_move_is_known_from_now_on(before, after):
    moved = an_authorization(state=before).to(after, NO_DETAILS, level=None, now=NOW)
    assert (moved.state, moved.known_at) == (after, NOW)


@pytest.mark.parametrize(("before", "after"), [p for p in PAIRS if not is_expected(*p)])
def test_a_forbidden_move_is_refused_and_names_the_allowed_states(before, after):
    with pytest.raises(IllegalMove) as refused:
        an_authorization(state=before).to(after, NO_DETAILS, level=None, now=NOW)
    assert set(refused.value.allowed) == set(EXPECTED[before].split())


def test_error_is_entered_from_submitted_alone_so_that_is_the_state_before_it():
    assert [s for s in PaState if PaState.ERROR in PA_NEXT[s]] == [PaState.SUBMITTED]


def appealed(times, *, level=None):
    authorization = an_authorization(state=PaState.DENIED)
    for _ in range(times):
        authorization = authorization.to(
            PaState.APPEAL_SUBMITTED, NO_DETAILS, level=level, now=NOW
        ).to(PaState.APPEAL_DENIED, NO_DETAILS, level=None, now=NOW)
    return authorization


def test_appeals_rise_from_the_first_level_to_the_external_review():
    assert [appealed(times).level for times in (1, 2, 3)] == [1, 2, AppealLevel.EXTERNAL]


def test_there_is_no_appeal_after_the_external_review():
    with pytest.raises(Conflict, match="last appeal"):
        appealed(4)


def test_a_plan_without_a_second_level_is_appealed_externally_at_once():
    assert appealed(1, level=AppealLevel.EXTERNAL).level is AppealLevel.EXTERNAL


def test_an_appeal_cannot_go_to_the_same_level_again():
    with pytest.raises(Conflict, match="above level 1"):
        appealed(2, level=AppealLevel.FIRST)


DECISION = PaDetails(
    payer="Prairie",
    decided_on=date(2026, 4, 1),
    appeal_deadline=date(2026, 5, 1),
    denial_reason=DenialReason.STEP_THERAPY_NOT_MET,
)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("denied", "denied", DECISION),
        ("denied", "appeal_submitted", DECISION),
        ("denied", "cancelled", DECISION),
        ("appeal_submitted", "pended_info", DECISION),
        (
            "appeal_submitted",
            "appeal_denied",
            PaDetails(payer="Prairie", denial_reason=DenialReason.STEP_THERAPY_NOT_MET),
        ),
        ("appeal_submitted", "appeal_approved", PaDetails(payer="Prairie")),
        ("denied", "submitted", PaDetails(payer="Prairie")),
    ],
)
def test_what_was_said_of_a_decision_is_true_until_the_next_one(before, after, kept):
    authorization = an_authorization(state=PaState(before), details=DECISION)
    assert authorization.details_in(PaState(after)) == kept


def test_a_new_request_after_a_denial_starts_at_no_appeal_level():
    denied = an_authorization(state=PaState.DENIED, level=AppealLevel.SECOND)
    assert denied.to(PaState.SUBMITTED, NO_DETAILS, level=None, now=NOW).level == 0


@pytest.mark.parametrize(
    ("states", "actor"),
    [
        ([], "pharmacy"),
        (["approved"], "pharmacy"),
        (["expired"], "prescriber"),
        (["submitted", "denied"], "prescriber"),
        (["submitted", "approved"], "payer"),
        (["required_not_started", "submitted"], "payer"),
        (["approved", "required_not_started", "expired"], "pharmacy"),
    ],
)
def test_of_several_authorizations_the_open_one_that_needs_the_clinic_comes_first(states, actor):
    assert waiting_on(an_authorization(state=PaState(state)) for state in states) == actor


def test_an_authorization_that_was_replaced_no_longer_counts():
    past = an_authorization(state=PaState.DENIED, current=False)
    assert waiting_on([past, an_authorization(state=PaState.SUBMITTED)]) == "payer"


@given(st.lists(st.sampled_from(PaState), max_size=30))
def test_no_path_leaves_the_table(path):
    """INVARIANT: whatever is asked, the state is reached by a row of the expected table."""
    authorization = an_authorization(state=PaState.REQUIRED_NOT_STARTED)
    for state in path:
        before = authorization.state
        try:
            authorization = authorization.to(state, NO_DETAILS, level=None, now=NOW)
        except Conflict:
            assert authorization.state is before
        else:
            assert is_expected(before, authorization.state)
            assert 0 <= authorization.level <= 3
