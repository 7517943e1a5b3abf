"""How every Kafka client of ours connects, and what its errors mean to a caller."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from common.errors import Misconfigured, Retry
from common.eventlog.kafka_settings import KafkaSettings

REASON_SECONDS = 1.0
"""How long one server may take to say why it refuses us; who asks for readiness waits."""


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

    Misconfigured says what the cluster, or we, did not like about the other.

    Asks over a connection of its own, so that the answer says that connecting works.
    """
    client = AIOKafkaClient(**options(settings))
    try:
        async with bounded("answer", settings.timeout_seconds):
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
    except Retry as error:
        if refusal := await _refusal(settings):
            raise refusal from error
        raise
    finally:
        await client.close()
    found: list[TopicPartition] = []
    for topic in topics:
        numbers = cluster.partitions_for_topic(topic)
        if not numbers:
            raise Retry(f"Kafka has no topic {topic}, or does not show it: apply topics.yaml")
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    return found


async def _refusal(settings: KafkaSettings) -> Misconfigured | None:
    """Connect once more for the reason, which aiokafka's bootstrap only logs; None where it is an outage."""
    if not settings.uses_tls and not settings.uses_sasl:
        return None
    told = {name: value for name, value in options(settings).items() if name != "bootstrap_servers"}
    for server in settings.servers:
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(REASON_SECONDS):
                connection = await create_conn(host, int(port), **told)
        except (KafkaError, OSError) as error:
            if reason := _reason(error, server):
                return Misconfigured(reason)
        else:
            connection.close()
    return None


def _reason(error: Exception, server: str) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {server} is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {server}: {error.reason}"
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return f"{server} refuses KAFKA_USERNAME with this KAFKA_PASSWORD"
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"{server} does not know this sasl_mechanism"
    return None
