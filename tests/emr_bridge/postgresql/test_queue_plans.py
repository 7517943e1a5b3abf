"""How PostgreSQL finds what is to be read: by as many messages as are read, however many were or wait."""

import json
from typing import Any

from sqlalchemy import ClauseElement, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import Executable

from emr_bridge.store import readings, tables

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
    async with runtime.db.read() as tx:
        (found,) = (await tx.scalars(Explain(readings.OLDEST))).all()
    plan = json.loads(found) if isinstance(found, str) else found
    assert looked_at(plan[0]["Plan"]) <= 2 * readings.MOST_WAITING


def looked_at(node: dict[str, Any]) -> int:
    """Return how many rows of `messages` a plan went through."""
    rows = node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
    mine = rows if node.get("Relation Name") == "messages" else 0
    return int(mine) + sum(looked_at(one) for one in node.get("Plans", []))
