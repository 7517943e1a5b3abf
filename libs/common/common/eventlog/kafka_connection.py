"""How every Kafka client of ours connects, and what its errors mean to a caller."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from common.errors import Misconfigured, Retry
from common.eventlog.kafka_settings import KafkaSettings


def options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the arguments that all of aiokafka's clients take."""
    told: dict[str, Any] = {
        "bootstrap_servers": list(settings.servers),
        "client_id": "referral-loop",
        "security_protocol": settings.security_protocol,
        "ssl_context": _ssl_context(settings),
    }
    if settings.uses_sasl and settings.password is not None:
        told["sasl_mechanism"] = settings.sasl_mechanism
        told["sasl_plain_username"] = settings.username
        told["sasl_plain_password"] = settings.password.get_secret_value()
    return told


def _ssl_context(settings: KafkaSettings) -> Any:
    try:
        return settings.ssl_context()
    except OSError as error:  # a file that is not there, a key that does not fit (ssl.SSLError)
        raise Misconfigured("the certificate files for Kafka cannot be used") from error


@asynccontextmanager
async def bounded(what: str, seconds: float) -> AsyncGenerator[None]:
    """Give what is inside so many seconds; whatever of Kafka's goes wrong in it is a Retry."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise Retry(f"Kafka did not {what}: {type(error).__name__}") from error


async def partitions(settings: KafkaSettings, topics: Iterable[str]) -> list[TopicPartition]:
    """Return the partitions of topics as the cluster names them; Retry when one is not there.

    Asks over a connection of its own, so that the answer says that connecting works.
    """
    client = AIOKafkaClient(**options(settings))
    try:
        async with bounded("answer", settings.timeout_seconds):
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
    finally:
        await client.close()
    found: list[TopicPartition] = []
    for topic in topics:
        numbers = cluster.partitions_for_topic(topic)
        if not numbers:
            raise Retry(f"Kafka has no topic {topic}, or does not show it: apply topics.yaml")
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    return found
