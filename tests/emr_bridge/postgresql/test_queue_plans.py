"""How PostgreSQL finds what is to be read, and what was: beside any number of messages of the other kind."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable

from emr_bridge.store import readings, search, tables
from emr_bridge.store.search import Wanted

MANY, WAITING = 20_000, 4_000
MANY_MESSAGES = f"""
    INSERT INTO messages (id, dedup_key, sha256, raw, size, sender, control_id, message_type, state,
                          repairs, ack, duplicates, received_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'd' || n, 's', sha512(n::text::bytea), 64, 'S', 'M' || n,
           'REF^I12', 'kept', '[]', '', 0, now()
    FROM generate_series(1, {MANY}) n
"""
NEWEST_WAIT = f"""
    INSERT INTO unread (message_id, state)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'received' FROM generate_series({MANY - WAITING + 1}, {MANY}) n
"""
OTHERS_READ = """
    INSERT INTO readings (message_id, state, repairs, sender, control_id, message_type, received_at)
    SELECT id, 'interpreted', repairs, sender, control_id, message_type, received_at
    FROM messages WHERE id NOT IN (SELECT message_id FROM unread)
"""


class Explain(Executable, ClauseElement):
    """What a statement did instead of its rows."""

    inherit_cache = False

    def __init__(self, statement):
        self.statement = statement


@compiles(Explain)
def explained(element, compiler, **options):
    asked = compiler.process(element.statement, **options)
    return f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {asked}"


async def test_what_was_read_is_not_walked_through_to_find_what_waits(runtime_of):
    """INVARIANT: a backlog is read as fast as a short queue, beside any number of older messages."""
    runtime = await runtime_of(tables.metadata)
    async with runtime.db.begin() as tx:
        for statement in (MANY_MESSAGES, "ANALYZE messages", "ANALYZE unread", NEWEST_WAIT):
            await tx.execute(text(statement))
    assert await looked_through(runtime, readings.OLDEST) <= 2 * readings.MOST_WAITING


async def test_what_waits_is_not_walked_through_to_find_what_was_read(runtime_of):
    """INVARIANT: the newest messages that were read are found at once, however many wait before them."""
    runtime = await runtime_of(tables.metadata)
    async with runtime.db.begin() as tx:
        for statement in (MANY_MESSAGES, NEWEST_WAIT, OTHERS_READ, "ANALYZE"):
            await tx.execute(text(statement))
    wanted = search.received(Wanted())
    page = search.newest(wanted, tables.readings.c.message_id, UUID(int=MANY), 51)
    assert await looked_through(runtime, search.with_bytes(page)) <= 51


async def looked_through(runtime, query) -> int:
    async with runtime.db.read() as tx:
        (found,) = (await tx.scalars(Explain(query))).all()
    plan = json.loads(found) if isinstance(found, str) else found
    return looked_at(plan[0]["Plan"])


def looked_at(node: dict[str, Any]) -> int:
    """Return how many rows of `messages` a plan went through."""
    rows = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
    mine = rows if node.get("Relation Name") == "messages" else 0
    return int(mine) + sum(looked_at(one) for one in node.get("Plans", []))
