"""The servers that several series share: a durable PostgreSQL and Apache Kafka, started when first asked for."""

import contextlib
import uuid
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from tests.servers import kafka as kafkas
from tests.servers import postgresql as postgresqls
from tests.servers.kafka import KafkaServer
from tests.servers.postgresql import PostgresServer
from tests.servers.provider import Unavailable

from benchmarks.harness.contender import Absent
from benchmarks.harness.process import ROOT
from common.eventlog import topics
from common.eventlog.kafka_settings import read_settings

DECLARED = ROOT / "deploy" / "kafka" / "topics.yaml"

DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}
"""Unlike the tests' server: what is acknowledged here survives a loss of power."""


class Servers:
    """Starts each server once, and ends all of them at the end."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._stack = contextlib.ExitStack()
        self._postgresql: PostgresServer | None = None
        self._kafka: KafkaServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._stack.close()

    def postgresql(self) -> PostgresServer:
        """Return the database server, with fsync."""
        if self._postgresql is None:
            try:
                self._postgresql = postgresqls.from_wheel(DURABLE)
            except Unavailable as reason:
                raise Absent(f"PostgreSQL: {reason}") from reason
            self._stack.callback(self._postgresql.close)
        return self._postgresql

    def kafka(self) -> KafkaServer:
        """Return Apache Kafka, with the settings of production where the tests hurry it."""
        if self._kafka is None:
            try:
                self._kafka = replace(kafkas.from_apache(), parameters={})
            except Unavailable as reason:
                raise Absent(f"Apache Kafka: {reason}") from reason
            self._stack.callback(self._kafka.close)
        return self._kafka

    async def new_database(self, name: str, *, template: str = "template0") -> str:
        """Make a database anew, empty or as a copy, and return its plain `postgresql://` URL."""
        server = self.postgresql()
        connection: Any = await asyncpg.connect(plain(server.url))
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return plain(server.url_of(name))

    async def new_topics(self) -> str:
        """Make the topics that deploy/kafka declares, under a new prefix; return the log's URL."""
        url = self.kafka().url(prefix=f"b{uuid.uuid4().hex[:8]}.")
        declared = topics.read_topics(DECLARED, replication=1)
        small = [replace(topic, partitions=min(topic.partitions, 4)) for topic in declared]
        await topics.apply(read_settings(url), small)
        return url


def plain(url: str) -> str:
    """Return a URL as asyncpg takes it."""
    return url.replace("+asyncpg", "")
