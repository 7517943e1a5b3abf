"""The AsyncAPI document: fresh, taken by the official parser, and true of what lies on the topics."""

import json
import os
import shutil
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import jsonschema_rs
import pytest
import yaml
from pydantic import AwareDatetime, BaseModel

from common import outbox, relay
from common.events.envelope import Envelope
from common.events.registry import TOPICS, TYPES
from common.tables import new_metadata
from embedded import asyncapi

ROOT = Path(__file__).parents[2]
PARSER = "@asyncapi/parser@3.6.3"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "referral-loop", "asyncapi")


MOMENT = datetime(2026, 3, 2, 15, 0, 0, 250, tzinfo=UTC)
SIMPLE: dict[Any, Any] = {
    str: "text",
    int: 3,
    bool: True,
    UUID: UUID(int=7),
    date: MOMENT.date(),
    time: time(9, 30),
    timedelta: timedelta(hours=1),
    AwareDatetime: MOMENT,
}


def value_of(annotation: Any) -> Any:
    """Some value of an annotation; the first choice where there are several."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (UnionType, Union):
        return value_of(inner[0])
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        return (value_of(inner[0]),)
    if origin is dict:
        return {value_of(inner[0]): value_of(inner[1])}
    if issubclass(annotation, BaseModel):
        return sample(annotation, whole=True)
    return next(iter(annotation)) if issubclass(annotation, Enum) else SIMPLE[annotation]


def sample(model: type[Any], *, whole: bool) -> Any:
    """An instance with every field, or with those alone that it must have."""
    fields = model.model_fields.items()
    return model(**{n: value_of(f.annotation) for n, f in fields if whole or f.is_required()})


SAMPLES = [sample(event, whole=whole) for event in TYPES.values() for whole in (True, False)]
DOCUMENT = asyncapi.document()


def check(part: str, message: str, value: object) -> None:
    """Raise unless the value is what the document says of that part of a message."""
    schema = DOCUMENT["components"]["messages"][message][part]
    whole = schema | {"components": DOCUMENT["components"]}
    jsonschema_rs.Draft7Validator(whole, validate_formats=True).validate(value)


async def test_every_record_that_came_to_the_log_is_what_the_document_says(runtime_of, clock):
    runtime = await runtime_of(new_metadata())
    async with runtime.db.begin() as tx:
        for event in SAMPLES:
            await outbox.append(tx, event, now=clock())
    while await relay.drain(runtime.db, runtime.log):
        pass

    records = [record async for record in runtime.log.read(TOPICS, follow=False)]
    assert len(records) == len(SAMPLES) == 2 * len(TYPES)
    for record in records:
        name = record.headers["ce_type"]
        assert name in DOCUMENT["channels"][record.topic]["messages"]
        assert record.key == json.loads(record.value)["subject"]
        check("headers", name, dict(record.headers))
        check("payload", name, json.loads(record.value))


@pytest.mark.parametrize(
    ("path", "wrong", "complaint"),
    [
        ("data.occurred_at", 12, "12 is not of type"),
        ("data.occurred_at", "yesterday", "is not a"),
        ("data.sealed", {"key_id": "1"}, "not valid under any"),
        ("type", "something.else.v1", "was expected"),
        ("source", "/services/other", "was expected"),
        ("id", None, "is not of type"),
        ("subject", None, "is not of type"),
    ],
)
def test_a_record_that_is_wrong_anywhere_is_not_what_the_document_says(path, wrong, complaint):
    for event in SAMPLES:
        record = json.loads(Envelope.of(event, now=MOMENT).to_bytes())
        check("payload", event.type, record)
        *outer, last = path.split(".")
        (record[outer[0]] if outer else record)[last] = wrong
        with pytest.raises(jsonschema_rs.ValidationError, match=complaint):
            check("payload", event.type, record)


def test_each_event_of_the_registry_is_a_message_of_the_channel_it_is_published_on():
    on_channels = {
        (topic, name)
        for topic, channel in DOCUMENT["channels"].items()
        for name in channel["messages"]
    }
    assert on_channels == {(event.topic, event.type) for event in TYPES.values()}
    assert tuple(DOCUMENT["channels"]) == TOPICS


def test_the_committed_document_is_what_the_generator_writes():
    assert (ROOT / asyncapi.PATH).read_text() == asyncapi.page(), "run `make docs`"


def test_the_text_reads_back_as_the_document():
    assert yaml.safe_load(asyncapi.page()) == DOCUMENT


@pytest.fixture(scope="session")
def parser() -> Path:
    """The folder in which npm keeps the official parser, outside the tree."""
    installed = CACHE / "node_modules" / "@asyncapi" / "parser" / "package.json"
    if (
        installed.exists()
        and json.loads(installed.read_text())["version"] == PARSER.rpartition("@")[2]
    ):
        return CACHE
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("the official AsyncAPI parser needs Node.js and npm, which are not here")
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE)]
    try:
        subprocess.run([*command, PARSER], check=True, capture_output=True, timeout=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install {PARSER}: {type(error).__name__}")
    return CACHE


def test_the_official_parser_finds_no_error_and_every_message(parser):
    script = Path(__file__).with_name("asyncapi_parser.cjs")
    done = subprocess.run(
        ["node", script, parser, ROOT / asyncapi.PATH],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert set(found["channels"]) == set(TOPICS)
    assert set(found["messages"]) == set(TYPES)
