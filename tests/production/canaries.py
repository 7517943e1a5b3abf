"""Made-up people whose names must be found nowhere in the clear: not by word, not by byte."""

from typing import Any

import asyncpg  # type: ignore[import-untyped]  # no py.typed in the wheel
from confluent_kafka import Consumer, TopicPartition
from tests.system.books import SERVICES, ServerBooks

CANARY = "ZZTEST"
"""In the names, numbers, notes and file names of everybody who is sent, also where it makes no sense."""


def read_by_librdkafka(bootstrap: str, topics: list[str]) -> list[Any]:
    """Return every record of topics, by a client that shares no line of code with ours."""
    reader = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "zz-outside", "enable.auto.commit": False}
    )
    try:
        known = reader.list_topics(timeout=20).topics
        places = [TopicPartition(t, n, 0) for t in topics for n in known[t].partitions]
        ends = {
            (p.topic, p.partition): reader.get_watermark_offsets(p, timeout=20)[1] for p in places
        }
        reader.assign(places)
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            batch = reader.consume(num_messages=500, timeout=20)
            assert batch, "the topics do not come to an end"
            assert not [record.error() for record in batch if record.error()]
            found += batch
    finally:
        reader.close()
    return found


def shown(record: Any) -> bytes:
    """Return everything of a record that whoever may read the topic sees."""
    headers = b"".join(name.encode() + value for name, value in record.headers() or ())
    return (record.key() or b"") + b"\n" + (record.value() or b"") + b"\n" + headers


def in_tables(books: ServerBooks) -> list[str]:
    """Return the tables that hold a canary, as text or as bytes."""
    return [place for service in SERVICES for place in books.elsewhere.run(_of(books, service))]


async def _of(books: ServerBooks, service: str) -> list[str]:
    url = books.databases[service].replace("+asyncpg", "")
    connection: Any = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        found = []
        for (name,) in names:
            query = f"SELECT count(*) FROM {name} t WHERE t::text ILIKE $1 OR t::text LIKE $2"
            marks = (f"%{CANARY}%", f"%{CANARY.encode().hex()}%")
            if await connection.fetchval(query, *marks):
                found.append(f"{service}.{name}")
    finally:
        await connection.close()
    return found
