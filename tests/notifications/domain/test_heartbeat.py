from datetime import timedelta

from tests.notifications.builders import NOW, clinic, term

from common.events.clinic import PromiseKind
from notifications.domain.heartbeat import next_beat
from notifications.domain.promise import deadline

PA = PromiseKind.PRIOR_AUTHORIZATION_STATUS


def test_still_pending_is_composed_when_a_third_of_the_time_is_left_to_deliver_it() -> None:
    assert next_beat(clinic(), NOW).compose_at == NOW + timedelta(hours=16)
    assert next_beat(clinic(promises=term(PA, 72)), NOW).compose_at == NOW + timedelta(hours=48)


def test_it_is_composed_before_its_promise_is_at_risk() -> None:
    assert next_beat(clinic(), NOW).compose_at < deadline(clinic(), PA, NOW).at_risk_at
