"""The topics as declared in a file, and the same in a cluster: creates what is missing, reports what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import Misconfigured, Retry
from common.eventlog.kafka_connection import bounded, options
from common.eventlog.kafka_settings import KafkaSettings

DEAD_LETTERS = ".dlq"


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic shall be; `config` in Kafka's words."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic that is there, but not as declared. Nobody changes it but a person."""

    topic: str
    setting: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did and saw."""

    created: Sequence[str]
    differences: Sequence[Difference]


class Declared(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    partitions: int | None = Field(default=None, ge=1)
    config: dict[str, str] = Field(default_factory=dict)


class Declaration(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    replication: int = Field(ge=1)
    defaults: Declared
    dead_letters: Declared
    topics: dict[str, Declared]


def read_topics(path: Path, *, replication: int | None = None) -> tuple[Topic, ...]:
    """Return the declared topics, each with its dead-letter topic; Misconfigured says what is wrong.

    `replication` replaces the file's, for clusters of fewer nodes.
    """
    try:
        declared = Declaration.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise Misconfigured(f"{path.name} cannot be read: {type(error).__name__}") from error
    except ValidationError as error:
        wrong = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
        raise Misconfigured(f"{path.name} is wrong at: {', '.join(wrong)}") from error
    copies = replication or declared.replication
    told: list[Topic] = []
    for name, own in declared.topics.items():
        told.append(_topic(name, declared.defaults, own, copies))
        letters = f"{name}{DEAD_LETTERS}"
        told.append(_topic(letters, declared.defaults, declared.dead_letters, copies))
    return tuple(told)


async def apply(
    settings: KafkaSettings, topics: Sequence[Topic], *, dry_run: bool = False
) -> Applied:
    """Create the topics that are missing; say where the others differ. Twice is the same as once.

    A dry run tells as created what it would create.
    """
    admin = AIOKafkaAdminClient(**options(settings))
    try:
        async with bounded("answer", settings.timeout_seconds):
            await admin.start()
            there = set(await admin.list_topics())
            missing = [topic for topic in topics if settings.prefix + topic.name not in there]
            created = [topic.name for topic in missing]
            if not dry_run:
                created = await _create(admin, missing, settings)
            present = [topic for topic in topics if topic.name not in created]
            return Applied(created, await _compare(admin, present, settings.prefix))
    finally:
        await admin.close()


def _topic(name: str, defaults: Declared, own: Declared, copies: int) -> Topic:
    config = {"min.insync.replicas": str(max(1, copies - 1))} | defaults.config | own.config
    return Topic(name, own.partitions or defaults.partitions or 1, copies, config)


async def _create(
    admin: AIOKafkaAdminClient, topics: Sequence[Topic], settings: KafkaSettings
) -> list[str]:
    if not topics:
        return []
    new = [
        NewTopic(settings.prefix + t.name, t.partitions, t.replication, topic_configs=t.config)
        for t in topics
    ]
    answer = await admin.create_topics(new, timeout_ms=int(settings.timeout_seconds * 1000))
    created: list[str] = []
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Retry(f"Kafka did not create {name}: {error.__name__}")
        if not code:
            created.append(name.removeprefix(settings.prefix))
    return created


async def _compare(
    admin: AIOKafkaAdminClient, topics: Sequence[Topic], prefix: str
) -> list[Difference]:
    if not topics:
        return []
    named = [prefix + topic.name for topic in topics]
    described = {d["topic"]: d for d in await admin.describe_topics(named)}
    configs = await _configs(admin, named)
    found: list[Difference] = []
    for topic in topics:
        told = described[prefix + topic.name]["partitions"]
        config = configs.get(prefix + topic.name, {})
        wanted = {"partitions": str(topic.partitions), "replication": str(topic.replication)}
        seen = {"partitions": str(len(told)), "replication": str(len(told[0]["replicas"]))}
        wanted |= topic.config
        seen |= {key: config.get(key, "") for key in topic.config}
        found += [
            Difference(topic.name, key, wanted[key], seen[key])
            for key in wanted
            if wanted[key] != seen[key]
        ]
    return found


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers: list[Any] = await admin.describe_configs(resources)
    return {
        resource[3]: {entry[0]: str(entry[1] or "") for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
