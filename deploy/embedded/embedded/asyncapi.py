"""The AsyncAPI 3.0 document: every topic as declared, every event on it and its JSON Schema."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from common.eventlog.topics import read_topics
from common.events.envelope import SCHEMA_ROOT, Envelope, Event
from common.events.registry import TOPICS, TYPES

Json = dict[str, Any]

PATH = Path("docs/reference/asyncapi.yaml")
TOPICS_FILE = Path("deploy/kafka/topics.yaml")
MEDIA_TYPE = "application/cloudevents+json"
KAFKA_BINDING = "0.5.0"
SCHEMAS = "#/components/schemas/"

ABOUT = """\
What the services of Referral Loop tell each other, and whoever else may read.

Each record is a CloudEvent 1.0 in structured JSON. Its key is the subject, so what happened to one
subject is read in order. A record may come more than once: its `id` tells. Within a version only
optional fields are added; readers ignore fields and types that they do not know. People's data
travels only in `sealed` (AES-256-GCM). Generated from `common.events.registry`.
"""


def document() -> Json:
    """Return the document; the same registry gives the same document, in the same order."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Referral Loop events",
            "version": "1.0.0",
            "description": ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": {"kafka": _server()},
        "channels": {topic: _channel(topic) for topic in TOPICS},
        "operations": {_operation_id(topic): _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {event.type: _message(event) for event in _events()},
            "schemas": _schemas(),
        },
    }


def page() -> str:
    """Return the document as YAML."""
    return yaml.dump(
        document(), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100, indent=2
    )


class _Plain(yaml.SafeDumper):
    """Writes equal values in full, where YAML would put an anchor, and paragraphs as a block."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class asks for it
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Plain.add_representer(str, _Plain.represent_str)


class _Schema(GenerateJsonSchema):
    """Leaves out titles that only repeat a field's name, and tells a clock's time as it is written."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the base class asks for it
        return False

    def time_schema(self, schema: object) -> Json:  # noqa: ARG002 - the base class asks for it
        """Return a local time: the format `time` of JSON Schema would ask for an offset (RFC 3339)."""
        return {"type": "string", "pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$"}


def _events(topic: str | None = None) -> list[type[Event]]:
    """Return the event classes by name, of one topic or of all."""
    return [TYPES[name] for name in sorted(TYPES) if topic in (None, TYPES[name].topic)]


def _server() -> Json:
    return {
        "host": "{host}:{port}",
        "protocol": "kafka",
        "description": "The brokers that EVENT_LOG_URL names.",
        "variables": {"host": {"default": "kafka"}, "port": {"default": "9092"}},
    }


def _channel(topic: str) -> Json:
    events = _events(topic)
    return {
        "address": topic,
        "title": topic,
        "description": f"Published by {_publisher(events)} alone.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {e.type: {"$ref": f"#/components/messages/{e.type}"} for e in events},
        "bindings": {"kafka": _declared(topic)},
    }


def _declared(topic: str) -> Json:
    """Return how the topic is kept, as the file says that the cluster is made from."""
    (told,) = (declared for declared in read_topics(TOPICS_FILE) if declared.name == topic)
    return {
        "topic": topic,
        "partitions": told.partitions,
        "replicas": told.replication,
        "topicConfiguration": {
            "cleanup.policy": told.config["cleanup.policy"].split(","),
            "retention.ms": int(told.config["retention.ms"]),
            "max.message.bytes": int(told.config["max.message.bytes"]),
        },
        "bindingVersion": KAFKA_BINDING,
    }


def _operation_id(topic: str) -> str:
    return f"publish.{topic}"


def _operation(topic: str) -> Json:
    events = _events(topic)
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"{_publisher(events)} tells what happened.",
        "messages": [{"$ref": f"#/channels/{topic}/messages/{event.type}"} for event in events],
    }


def _publisher(events: Iterable[type[Event]]) -> str:
    """Return the service that publishes the events; a topic has one."""
    (source,) = {event.source for event in events}
    return source.rpartition("/")[2]


def _subject(event: type[Event]) -> str:
    """Return what the events of a class are about, as the class says."""
    return (event.subject.__doc__ or "").strip()


def _message(event: type[Event]) -> Json:
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": " ".join((event.__doc__ or "").split()),
        "contentType": MEDIA_TYPE,
        **({"x-seals": event.seals.__name__} if event.seals else {}),
        "headers": _headers(event),
        "payload": _payload(event),
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": _subject(event)},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _headers(event: type[Event]) -> Json:
    return {
        "type": "object",
        "required": ["content-type", "ce_id", "ce_type", "ce_subject"],
        "properties": {
            "content-type": {"const": MEDIA_TYPE},
            "ce_id": {"type": "string", "format": "uuid", "description": "The event's id."},
            "ce_type": {"const": event.type},
            "ce_subject": {"type": "string", "description": "The same as the key."},
            "traceparent": {"type": "string", "description": "W3C Trace Context."},
        },
    }


def _payload(event: type[Event]) -> Json:
    """Return the envelope, narrowed to one type of event and its data."""
    return {
        "allOf": [
            {"$ref": f"{SCHEMAS}{Envelope.__name__}"},
            {
                "type": "object",
                "required": ["specversion", "id", "datacontenttype"],
                "properties": {
                    "type": {"const": event.type},
                    "source": {"const": event.source},
                    "dataschema": {"const": f"{SCHEMA_ROOT}{event.type}.json"},
                    "data": {"$ref": f"{SCHEMAS}{event.__name__}"},
                },
            },
        ]
    }


def _schemas() -> Json:
    """Return the schema of the envelope, of each event's data, and of all that these refer to."""
    known: list[type[BaseModel]] = [Envelope, *_events()]
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(m, "validation") for m in known]
    _, definitions = models_json_schema(
        models, ref_template=SCHEMAS + "{model}", schema_generator=_Schema
    )
    return dict(sorted(definitions["$defs"].items()))
