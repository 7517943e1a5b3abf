from itertools import product

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from notifications.domain.delivery import ENDED, LIVE, NEXT, DeliveryState, sources

S = DeliveryState


@pytest.mark.parametrize(("state", "to"), [*product(S, S)])
def test_sources_and_targets_are_one_table(state: S, to: S) -> None:
    assert (to in NEXT[state]) == (state in sources(to))


def test_nothing_comes_after_a_confirmation() -> None:
    """INVARIANT: a late or repeated report never takes a confirmation back."""
    assert NEXT[S.CONFIRMED] == frozenset()


def test_what_was_given_up_can_only_turn_out_to_have_arrived() -> None:
    assert NEXT[S.FAILED] == NEXT[S.WITHDRAWN] == frozenset({S.CONFIRMED})


def test_an_unanswered_attempt_is_not_sent_again_without_passing_the_queue() -> None:
    assert S.SENDING not in NEXT[S.UNKNOWN]


class Life(RuleBasedStateMachine):
    """Any sequence of reports, legal or not."""

    def __init__(self) -> None:
        super().__init__()
        self.state = S.QUEUED
        self.confirmed = False

    @rule(to=st.sampled_from(S))
    def report(self, to: S) -> None:
        if to in NEXT[self.state]:
            self.state = to
            self.confirmed |= to is S.CONFIRMED

    @invariant()
    def confirmed_stays_confirmed(self) -> None:
        assert (self.state is S.CONFIRMED) == self.confirmed

    @invariant()
    def every_state_is_live_or_over(self) -> None:
        assert (self.state in LIVE) != (self.state in ENDED)


TestLife = Life.TestCase
