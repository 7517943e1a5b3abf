"""How PostgreSQL finds messages: by an index, whatever they are searched by."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import ClauseElement, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable

from common.ids import new_id
from emr_bridge.store import search, tables
from emr_bridge.store.search import Wanted

MANY = 20_000
DAY = datetime(2026, 1, 9, tzinfo=UTC)
MANY_MESSAGES = f"""
    INSERT INTO messages (id, dedup_key, sha256, raw, size, sender, control_id, message_type, link_id,
                          state, repairs, ack, duplicates, received_at)
    SELECT gen_random_uuid(), 'd' || n, 's', '', 1, 'S' || n % 500, 'M' || n,
           CASE WHEN n % 1000 = 0 THEN 'ADT^A40' ELSE 'REF^I12' END, 'north/l' || n % 200,
           CASE WHEN n % 1000 = 0 THEN 'review' ELSE 'interpreted' END, '[]', '', 0,
           '2026-01-01'::timestamptz + n * interval '1 minute'
    FROM generate_series(1, {MANY}) n
"""
MANY_READ = """
    INSERT INTO readings (message_id, state, repairs, link_id, sender, control_id, message_type, received_at)
    SELECT id, state, repairs, link_id, sender, control_id, message_type, received_at FROM messages
"""
SOME_UNREAD = (
    "INSERT INTO unread (message_id, state) SELECT id, 'received' FROM messages LIMIT 1000"
)
MANY_KEYS = """
    INSERT INTO message_keys (message_id, kind, hash)
    SELECT id, kind, encode(sha256((kind || control_id)::bytea), 'hex')
    FROM messages CROSS JOIN (VALUES ('patient'), ('placer')) kinds(kind)
"""
MANY_LINKS = """
    INSERT INTO links (id, clinic_id, sender_key, sending_application, sending_facility, charset, active,
                       failures, faults, time_zone)
    SELECT 'north/l' || n, 'clinic' || n, n, '', '', 'utf-8', true, 0, 0, 'UTC'
    FROM generate_series(0, 199) n
"""
MANY_SENT = """
    INSERT INTO outbound (id, delivery_id, part, referral_id, clinic_id, link_id, notice, request, control_id,
                          state, withdrawn, attempts, tries, next_attempt_at, created_at, message_type, revision)
    SELECT gen_random_uuid(), gen_random_uuid(), 'report', gen_random_uuid(), 'clinic' || n % 200,
           'north/l' || n % 200, 'received', '{}', 'C' || n,
           CASE WHEN n % 1000 = 0 THEN 'parked' ELSE 'delivered' END, false, 1, 1, now(),
           '2026-01-01'::timestamptz + n * interval '1 minute',
           CASE WHEN n % 1000 = 0 THEN 'SIU^S12' ELSE 'ORU^R01' END, 0
    FROM generate_series(1, 20000) n
"""


@pytest.fixture
async def filled(runtime_of):
    runtime = await runtime_of(tables.metadata)
    async with runtime.db.begin() as tx:
        for statement in (MANY_MESSAGES, MANY_READ, SOME_UNREAD, MANY_KEYS, MANY_LINKS, MANY_SENT):
            await tx.execute(text(statement))
    async with runtime.db.begin() as tx:
        await tx.execute(text("ANALYZE"))
    return runtime


class Explain(Executable, ClauseElement):
    """A statement's plan instead of its rows."""

    inherit_cache = False

    def __init__(self, statement):
        self.statement = statement


@compiles(Explain)
def explained(element, compiler, **options):
    return f"EXPLAIN {compiler.process(element.statement, **options)}"


async def plan_of(runtime, query):
    async with runtime.db.read() as tx:
        return "\n".join(row[0] for row in await tx.execute(Explain(query)))


WANTED: tuple[dict[str, Any], ...] = (
    {},
    {"control_id": "M7"},
    {"sender": "S7"},
    {"message_type": "ADT^A40"},
    {"state": "review"},
    {"link_id": "north/l7"},
    {"clinic_id": "clinic7"},
    {"referral_id": new_id()},
    {"placer_hash": "a" * 64},
    {"patient_hash": "a" * 64, "state": "review"},
    {"since": DAY, "until": DAY + timedelta(hours=1)},
)
PARTS = {
    "unread": (search.waiting, tables.unread.c.message_id),
    "readings": (search.received, tables.readings.c.message_id),
    "outbound": (search.sent, tables.outbound.c.id),
}


async def test_messages_are_found_by_an_index_whatever_they_are_searched_by(filled):
    slow = []
    for wanted, (table, (build, key)) in product(WANTED, PARTS.items()):
        query = build(Wanted(**wanted)).where(key < new_id()).order_by(key.desc()).limit(51)
        plan = await plan_of(filled, query)
        if any(f"Seq Scan on {one}" in plan for one in (table, "messages", "message_keys")):
            slow.append((table, wanted, plan))
    assert not slow
