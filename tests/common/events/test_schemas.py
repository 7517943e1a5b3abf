import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel
from tests.common.events.sampling import FULL, MINIMAL, NOON, envelope_of, sample

from common.errors import SetAside
from common.events import registry, schemas
from common.events.envelope import Envelope, Event
from common.events.registry import TOPICS, TYPES

SAMPLES = sorted([*FULL.glob("*.json"), *MINIMAL.glob("*.json")])
FREEZE = "freeze it: .venv/bin/python -m tests.common.events.sampling"


def load(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def holds(now: object, then: object) -> bool:
    """Whether everything that was told then is told now; more may be."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(k in now and holds(now[k], then[k]) for k in then)
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(holds, now, then))
    return now == then


def validator(name: str):
    return jsonschema_rs.validator_for(load(schemas.FOLDER / f"{name}.json"))


def test_the_committed_schemas_are_current():
    assert not schemas.outdated(), "run: python -m common.events.schemas write"


def test_every_type_has_frozen_samples():
    for folder in (FULL, MINIMAL):
        assert {p.stem for p in folder.glob("*.json")} == set(TYPES), FREEZE


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_frozen_sample_still_fits_its_schema(path):
    """INVARIANT: within a version only optional fields are added. Broken by a new required field."""
    validator(path.stem).validate(load(path))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_todays_classes_read_a_frozen_sample_and_lose_nothing_of_it(path):
    """INVARIANT: old records stay readable. Broken by renaming a field inside a version."""
    told = load(path)
    envelope, event = registry.read(path.read_bytes())
    assert type(event) is TYPES[path.stem]
    again = event.model_dump(mode="json", exclude_none=True)
    assert holds(again, told["data"])
    assert json.loads(envelope.to_bytes()) == told


@pytest.mark.parametrize("name", sorted(TYPES))
def test_what_is_published_today_fits_the_committed_schema(name):
    for full in (True, False):
        validator(name).validate(envelope_of(sample(TYPES[name], full=full)))


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_schema_is_valid_and_refuses_what_is_not_its_event(name):
    schema = load(schemas.FOLDER / f"{name}.json")
    jsonschema_rs.meta.validate(schema)
    good = load(FULL / f"{name}.json")
    for broken in (
        good | {"type": "other.happened.v1"},
        good | {"specversion": "0.3"},
        good | {"data": {}},
        {k: v for k, v in good.items() if k != "id"},
    ):
        assert not validator(name).is_valid(broken)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_reader_passes_over_fields_that_it_does_not_know(name):
    told = load(FULL / f"{name}.json")
    newer = told | {"laterextension": "x", "data": told["data"] | {"added_later": [1]}}
    validator(name).validate(newer)
    _, event = registry.read(json.dumps(newer).encode())
    assert event == registry.read(json.dumps(told).encode())[1]


@pytest.mark.parametrize("event", TYPES.values(), ids=lambda e: e.type)
def test_an_event_comes_back_as_it_was_wrapped(event):
    made = sample(event, full=True)
    envelope, again = registry.read(Envelope.of(made, now=NOON).to_bytes())
    assert again == made
    assert (envelope.subject, envelope.time) == (made.subject, made.occurred_at)


@pytest.mark.parametrize("event", TYPES.values(), ids=lambda e: e.type)
def test_a_type_is_named_noun_past_tense_version_and_has_a_topic(event):
    noun, happened, version = event.type.split(".")
    assert noun.isidentifier()
    assert happened.isidentifier()
    assert version.startswith("v")
    assert int(version[1:]) >= 1
    assert event.topic in TOPICS
    assert event.source.startswith("/services/")
    assert event.__doc__ != Event.__doc__


PEOPLE = (
    "family_name",
    "given_names",
    "birth_date",
    "patient",
    "medication",
    "contact",
    "prescriber",
)


@pytest.mark.parametrize("event", TYPES.values(), ids=lambda e: e.type)
def test_no_event_has_a_field_for_people_in_the_clear(event):
    """INVARIANT: people's data travels only sealed. Broken by a card as a plain field."""

    def fields(model: type[BaseModel]) -> set[str]:
        return set(model.model_fields)

    assert not fields(event) & set(PEOPLE)


def test_data_of_a_type_that_is_not_asked_for_is_not_looked_at():
    told = load(FULL / "emr.message_received.v1.json") | {"data": {}}
    value = json.dumps(told).encode()
    assert registry.read(value, only=())[1] is None
    with pytest.raises(SetAside) as refused:
        registry.read(value)
    assert refused.value.code == "unreadable_event"


def test_the_command_writes_and_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(schemas, "FOLDER", tmp_path / "schemas")
    with pytest.raises(SystemExit, match=r"referral\.received\.v1\.json"):
        schemas.main(["check"])
    schemas.main(["write"])
    schemas.main(["check"])
    stale = tmp_path / "schemas" / "gone.v1.json"
    stale.write_text("{}")
    with pytest.raises(SystemExit, match="gone"):
        schemas.main(["check"])
    schemas.main(["write"])
    assert not stale.exists()
    with pytest.raises(SystemExit, match="usage"):
        schemas.main([])
