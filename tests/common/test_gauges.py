"""What Prometheus is told of a service when it asks."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from tests.common.sample import NOON, happened, metadata, tell

from common import gauges, metrics, relay
from common.gauges import Gauges


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)


def told(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


async def test_the_outbox_tells_its_depth_and_the_age_of_its_oldest_event(runtime):
    await tell(runtime.db, happened("1"), happened("2"))
    asks = [gauges.shared("zz-outbox")]
    later = NOON + timedelta(seconds=90)
    await Gauges("zz", [gauges.of_tables(runtime.db, lambda: later, asks)]).refresh()
    assert told("referral_outbox_events", service="zz-outbox") == 2
    assert told("referral_outbox_oldest_seconds", service="zz-outbox") == 90
    assert told("referral_dead_letters_waiting", group="zz-outbox") == 0


async def test_a_reading_that_fails_is_left_out_and_the_others_are_told(runtime):
    answers = [[(metrics.tasks_open, ("zz-kind",), 3.0)]]

    async def once():
        return answers.pop()

    async def well():
        return [(metrics.tasks_open, ("zz-well",), 1.0)]

    first = Gauges("zz", [once, well])
    await first.refresh()
    assert told("referral_tasks_open", kind="zz-kind") == 3
    first._fresh_until = 0
    await first.refresh()
    assert told("referral_tasks_open", kind="zz-kind") is None
    assert told("referral_tasks_open", kind="zz-well") == 1


async def test_a_reading_is_taken_once_while_it_is_fresh():
    taken = []

    async def measure():
        taken.append(1)
        return []

    asked = Gauges("zz", [measure])
    await asked.refresh()
    await asked.refresh()
    assert len(taken) == 1


async def test_the_lag_of_a_group_is_told_by_topic(runtime):
    await tell(runtime.db, happened("1"))
    await relay.drain(runtime.db, runtime.log)
    await Gauges("zz", [gauges.lag(runtime.log, "zz-group", ["emr.events"])]).refresh()
    assert told("referral_consumer_lag_records", group="zz-group", topic="emr.events") == 1


async def test_free_room_is_told_where_the_database_is_a_file(runtime):
    await Gauges("zz", [gauges.room("zz-room", runtime.db)]).refresh()
    assert 0 < told("referral_data_free_ratio", service="zz-room") <= 1


async def test_the_time_to_publish_is_observed_for_each_event(runtime):
    await tell(runtime.db, happened("1"), happened("2"))
    observe = gauges.publishing("zz-relay", lambda: NOON + timedelta(seconds=2))
    await relay.drain(runtime.db, runtime.log, observe=observe)
    assert told("referral_commit_to_publish_seconds_count", service="zz-relay") == 2
    assert told("referral_commit_to_publish_seconds_sum", service="zz-relay") == 4
