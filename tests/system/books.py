"""An independent audit: reads the databases, the log and what the stand-ins got, by plain SQL and a plain consumer.

Knows none of our code, so that a fault in it cannot hide itself.
"""

import asyncio
import json
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from aiokafka import AIOKafkaConsumer, TopicPartition

SERVICES = ("intake", "emr-bridge", "notifications")
READS = {
    "intake": ("emr.events", "notification.events"),
    "emr-bridge": ("clinic.events", "referral.events", "notification.events"),
    "notifications": ("clinic.events", "referral.events", "emr.events"),
}
TOPICS = ("clinic.events", "referral.events", "emr.events", "notification.events")
HANDLED_AT_LEAST = {
    "intake": {"notification.promised.v1", "notification.delivered.v1"},
    "emr-bridge": {"clinic.changed.v1"},
    "notifications": {"clinic.changed.v1", "referral.received.v1"},
}

Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """A record as it stands on a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def event(self) -> dict[str, Any] | None:
        """What the record says; None for what is no JSON."""
        try:
            read = json.loads(self.value)
        except ValueError:
            return None
        return read if isinstance(read, dict) and "type" in read else None


class Books(ABC):
    """The questions; where the answers come from is for the kinds of books below."""

    @abstractmethod
    def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on one service's database; ids as 32 hex digits."""

    @abstractmethod
    def records(self) -> list[Place]:
        """Return every record of the four topics, in order of partition and offset."""

    def count(self, service: str, query: str) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(service, query)[0][0])

    def events(self) -> list[dict[str, Any]]:
        """Return what every record says, repeats included."""
        return [event for record in self.records() if (event := record.event)]

    def is_quiet(self) -> bool:
        """Return whether nothing is under way in any service."""
        waiting = sum(self.count(service, "SELECT count(*) FROM outbox") for service in SERVICES)
        waiting += self.count("emr-bridge", "SELECT count(*) FROM unread")
        waiting += self.count(
            "notifications",
            "SELECT count(*) FROM notices WHERE confirmed_at IS NULL AND superseded_by IS NULL",
        )
        return waiting == 0

    def unaccounted(self, control_ids: Iterable[str]) -> dict[str, str]:
        """Return every acknowledged message that is not exactly one referral, review or duplicate."""
        kept = Counter(c for (c,) in self.rows("emr-bridge", "SELECT control_id FROM messages"))
        ids = dict(self.rows("emr-bridge", "SELECT control_id, id FROM messages"))
        query = "SELECT source_message_id FROM referrals WHERE source_message_id IS NOT NULL"
        became = Counter(i for (i,) in self.rows("intake", query))
        query = "SELECT message_id FROM reviews WHERE referral_id IS NULL"
        became += Counter(i for (i,) in self.rows("intake", query))
        faults = {}
        for control_id in control_ids:
            if kept[control_id] != 1:
                faults[control_id] = f"kept {kept[control_id]} times"
            elif became[ids[control_id]] != 1:
                faults[control_id] = f"became {became[ids[control_id]]} things"
        return faults

    def confirmed_twice(self) -> list[str]:
        """Return the notices whose confirmation was told more than once (by distinct event)."""
        told = {
            (e["id"], e["data"]["notice_id"])
            for e in self.events()
            if e["type"] == "notification.delivered.v1"
        }
        counted = Counter(notice for _, notice in told)
        return [notice for notice, times in counted.items() if times > 1]

    def without_promise(self) -> int:
        """Return how many notices that owe a promise have none."""
        owing = "('referral_received','information_needed','prior_authorization_changed')"
        return self.count(
            "notifications",
            f"SELECT count(*) FROM notices n WHERE n.name IN {owing} "
            "AND NOT EXISTS (SELECT 1 FROM promises p WHERE p.notice_id = n.id)",
        )

    def unhandled(self) -> dict[str, list[str]]:
        """Return for each service the events of kinds that it handles, and that it has not handled.

        What is a dead letter was handled in its way; how many there are is a question of its own.
        """
        records = [(r, event) for r in self.records() if (event := r.event)]
        missing: dict[str, list[str]] = {}
        for service in SERVICES:
            inbox = {i for (i,) in self.rows(service, "SELECT event_id FROM inbox")}
            kinds = {e["type"] for _, e in records if hexed(e["id"]) in inbox}
            kinds |= HANDLED_AT_LEAST[service]
            query = "SELECT topic, partition, record_offset FROM dead_letters"
            aside = set(self.rows(service, query))
            due = {
                hexed(event["id"]): event["type"]
                for r, event in records
                if r.topic in READS[service] and event["type"] in kinds
                if (r.topic, r.partition, r.offset) not in aside
            }
            if left := sorted(f"{due[i]} {i}" for i in due.keys() - inbox):
                missing[service] = left
        return missing

    def unpublished(self) -> dict[str, int]:
        """Return how many facts of each kind stand in a database and never came to a topic."""
        events = self.events()

        def told(kind: str, of: str) -> set[str]:
            return {hexed(e["data"][of]) for e in events if e["type"] == kind}

        facts = {
            "referral.received.v1": ("referral_id", "intake", "SELECT id FROM referrals"),
            "emr.message_received.v1": ("message_id", "emr-bridge", "SELECT id FROM messages"),
            "notification.promised.v1": ("promise_id", "notifications", "SELECT id FROM promises"),
            "promise.kept.v1": (
                "promise_id",
                "notifications",
                "SELECT id FROM promises WHERE state='kept'",
            ),
            "notification.delivered.v1": (
                "notice_id",
                "notifications",
                "SELECT id FROM notices WHERE confirmed_at IS NOT NULL",
            ),
        }
        left = {
            kind: len({i for (i,) in self.rows(service, query)} - told(kind, of))
            for kind, (of, service, query) in facts.items()
        }
        return {kind: number for kind, number in left.items() if number}

    def repeats(self) -> int:
        """Return how many records are on the topics a second time: duplicates that readers absorbed."""
        ids = [event["id"] for event in self.events()]
        return len(ids) - len(set(ids))

    def out_of_order(self) -> list[str]:
        """Return the referrals of which something else was published before their `received`."""
        first: dict[str, str] = {}
        for record in self.records():
            if record.topic == "referral.events" and (event := record.event):
                first.setdefault(record.key, event["type"])
        return [key for key, kind in first.items() if kind != "referral.received.v1"]

    def copies_that_differ(self) -> dict[str, str]:
        """Return the promises that intake shows otherwise than notifications has them: how each does."""
        query = "SELECT id, state FROM promises"
        owned, shown = dict(self.rows("notifications", query)), dict(self.rows("intake", query))
        return {
            i: f"{owned.get(i)}, shown as {shown.get(i)}"
            for i in owned.keys() | shown.keys()
            if owned.get(i) != shown.get(i)
        }


@dataclass(frozen=True)
class FileBooks(Books):
    """The files of an embedded system that stands still or runs."""

    folder: Path

    def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(f"file:{self.folder / service}.db?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def records(self) -> list[Place]:
        found = self.rows("events", 'SELECT topic, "offset", key, value FROM records ORDER BY 2')
        return [Place(topic, 0, offset, key, value) for topic, offset, key, value in found]


class Elsewhere:
    """An event loop in a thread of its own, so that a plain function can ask an async driver."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, what: Coroutine[Any, Any, Result], *, seconds: float = 60) -> Result:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(seconds)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@dataclass
class ServerBooks(Books):
    """The databases of PostgreSQL and the topics of Kafka, by URL, address and prefix."""

    databases: Mapping[str, str]
    bootstrap: str
    prefix: str
    elsewhere: Elsewhere = field(default_factory=Elsewhere)

    def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        return self.elsewhere.run(self._rows(self.databases[service], query))

    def records(self) -> list[Place]:
        return self.elsewhere.run(read_topics(self.bootstrap, self.prefix, TOPICS))

    def close(self) -> None:
        self.elsewhere.close()

    async def _rows(self, url: str, query: str) -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return [tuple(map(_plain, row.values())) for row in await connection.fetch(query)]
        finally:
            await connection.close()


def _plain(value: Any) -> Any:
    return value.hex if isinstance(value, UUID) else value


def hexed(value: str) -> str:
    """Return an id as SQLite keeps it."""
    return value.replace("-", "")


async def read_topics(bootstrap: str, prefix: str, topics: Iterable[str]) -> list[Place]:
    """Return what stands on topics from the first record to the end, by a consumer without a group."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        cluster = await consumer._client.fetch_all_metadata()
        names = [prefix + topic for topic in topics]
        known = {name: cluster.partitions_for_topic(name) or () for name in names}
        places = [TopicPartition(name, part) for name, parts in known.items() for part in parts]
        consumer.assign(places)
        ends = {p: end for p, end in (await consumer.end_offsets(places)).items() if end}
        found: list[Place] = []
        while [p for p, end in ends.items() if await consumer.position(p) < end]:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [_place(record, prefix) for record in batch]
    finally:
        await consumer.stop()
    return sorted(found, key=lambda place: (place.topic, place.partition, place.offset))


def _place(record: Any, prefix: str) -> Place:
    topic, key = record.topic.removeprefix(prefix), (record.key or b"").decode(errors="replace")
    value, headers = record.value or b"", tuple(record.headers)
    return Place(topic, record.partition, record.offset, key, value, headers)
