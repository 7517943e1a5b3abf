"""The state machine, driven at random."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.intake.builders import NOW, a_referral
from tests.intake.domain.test_commands import do

from common.errors import Conflict
from intake.domain.authorizing import PaChange, put
from intake.domain.commands import Command, allowed
from intake.domain.prior_authorization import PA_NEXT, PaState
from intake.domain.referral import NEXT, Status


class ReferralMachine(RuleBasedStateMachine):
    """Gives any command at any time; what is refused must have changed nothing."""

    @initialize()
    def begin(self):
        self.referral = a_referral()
        self.path = [Status.RECEIVED]

    @rule(command=st.sampled_from(Command))
    def command(self, command):
        before = self.referral
        possible = command in allowed(before)
        try:
            after, events = do(command, before)
        except Conflict:
            assert not possible or command is Command.PRIOR_AUTHORIZATION
            assert self.referral == before
            return
        assert possible
        self.follow(before, after, events)

    @precondition(lambda self: any(PA_NEXT[pa.state] for pa in self.referral.authorizations))
    @rule(data=st.data())
    def move_an_authorization(self, data):
        before = self.referral
        moving = [pa for pa in before.authorizations if PA_NEXT[pa.state]]
        chosen = data.draw(st.sampled_from(moving))
        state = data.draw(st.sampled_from(sorted(PA_NEXT[chosen.state])))
        try:
            after, events = put(before, PaChange(id=chosen.id, state=PaState(state)), now=NOW)
        except Conflict:
            return
        self.follow(before, after, events)

    def follow(self, before, after, events):
        status = before.status
        for event in events:
            assert event.status == status or event.status in NEXT[status]
            status = Status(event.status)
        assert status is after.status
        assert after.version > before.version
        self.referral = after

    @invariant()
    def a_pause_remembers_where_it_paused(self):
        referral = self.referral
        assert (referral.status is Status.ON_HOLD) == (referral.held_at is not None)
        if referral.status is Status.INFORMATION_NEEDED:
            assert referral.asked_at is not None

    @invariant()
    def somebody_is_waited_on_until_it_ends(self):
        ends = {"active", "declined", "transferred", "cancelled", "discontinued"}
        assert (self.referral.waiting_on == "nobody") == (self.referral.status in ends)

    @invariant()
    def no_open_authorization_stands_beside_a_fresh_date(self):
        if self.referral.status is Status.READY_TO_SCHEDULE:
            assert not self.referral.open_authorizations

    @invariant()
    def one_authorization_per_benefit_is_current(self):
        current = [pa.benefit for pa in self.referral.authorizations if pa.current]
        assert len(current) == len(set(current))


TestReferralMachine = ReferralMachine.TestCase
TestReferralMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
