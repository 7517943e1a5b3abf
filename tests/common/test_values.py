"""Clock, identifiers, back-off, settings: the small values that everything stands on."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.backoff import exponential, scheduled
from common.clock import accelerated, utc_now
from common.ids import ALPHABET, new_id, short_code
from common.settings import ServiceSettings, SharedSettings


def test_the_clock_is_aware_and_in_utc():
    assert utc_now().tzinfo is UTC
    assert accelerated(1) is utc_now


def test_an_accelerated_clock_starts_where_it_is_told_and_runs_faster():
    start = datetime(2026, 3, 2, tzinfo=UTC)
    clock = accelerated(1_000_000, start)
    first, second = clock(), clock()
    assert start <= first < second
    assert second - start < timedelta(days=30)


def test_identifiers_are_version_7_and_rise():
    made = [new_id() for _ in range(1000)]
    assert {i.version for i in made} == {7}
    assert all(type(i) is uuid.UUID for i in made)
    assert made == sorted(made)


@given(st.uuids(), st.integers(4, 10))
def test_a_short_code_is_stable_and_easy_to_read_aloud(identifier, length):
    code = short_code(identifier, length)
    assert code == short_code(identifier, length)
    assert len(code) == length
    assert set(code) <= set(ALPHABET)


def test_no_short_code_holds_what_can_be_misread():
    assert not set("01OIL") & set(ALPHABET)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_grows_to_its_cap_and_never_past_it(attempt, jitter):
    base, cap = timedelta(seconds=1), timedelta(minutes=1)
    wait = exponential(attempt, base=base, cap=cap, jitter=jitter)
    calm = exponential(attempt, base=base, cap=cap)
    assert calm / 2 <= wait <= calm <= cap
    assert exponential(attempt + 1, base=base, cap=cap) >= calm


def test_waits_double_from_the_base():
    waits = [exponential(n, base=timedelta(seconds=2)) for n in range(1, 5)]
    assert [w.total_seconds() for w in waits] == [2, 4, 8, 16]


@given(st.lists(st.timedeltas(), min_size=1, max_size=8), st.integers(0, 20))
def test_a_schedule_has_an_end(schedule, attempt):
    due = scheduled(attempt, schedule)
    assert due == (schedule[attempt] if attempt < len(schedule) else None)


def test_every_setting_has_a_default_that_works_embedded(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shared, service = SharedSettings(), ServiceSettings()
    assert shared.event_log_url is None
    assert (service.database_url, service.host, service.api_token) == (None, "127.0.0.1", None)


def test_every_setting_says_what_it_is_for():
    for model in (SharedSettings, ServiceSettings):
        assert all(field.description for field in model.model_fields.values())


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch):
    monkeypatch.setenv("SEALING_KEYS", "a:c2VjcmV0")
    monkeypatch.setenv("API_TOKEN", "token-secret")
    assert "c2VjcmV0" not in repr(SharedSettings())
    assert "token-secret" not in repr(ServiceSettings())


def test_a_file_named_dotenv_is_read(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("CLOCK_SPEED=120\nPORT=9\n")
    monkeypatch.chdir(tmp_path)
    assert SharedSettings().clock_speed == 120
    assert ServiceSettings().port == 9


@pytest.mark.parametrize(
    ("name", "value"), [("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"), ("CLOCK_SPEED", "0")]
)
def test_a_setting_that_means_nothing_stops_the_start(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        SharedSettings()
