"""Which events a service has handled: one row each, written in the transaction of their effect."""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, text

from common.database import Transaction, UtcDateTime

NOW = bindparam("now", type_=UtcDateTime)

ON_POSTGRESQL = text(
    "INSERT INTO inbox (event_id, topic, handled_at) "
    "SELECT id, topic, :now FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[])) AS new (id, topic) "
    "ON CONFLICT DO NOTHING RETURNING event_id"
).bindparams(NOW)

ON_SQLITE = text(
    "INSERT INTO inbox (event_id, topic, handled_at) "
    "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), :now FROM json_each(:rows) WHERE true "
    "ON CONFLICT DO NOTHING RETURNING event_id"
).bindparams(NOW)
"""The same text for any number of events: one of many VALUES is built anew for every batch."""


async def first_sight(
    tx: Transaction, events: Mapping[UUID, str], *, now: datetime
) -> frozenset[UUID]:
    """Note events (id -> topic) as handled; return those that were not yet."""
    if not events:
        return frozenset()
    if tx.dialect.name == "postgresql":
        columns = {"ids": list(events), "topics": list(events.values()), "now": now}
        return frozenset((await tx.execute(ON_POSTGRESQL, columns)).scalars())
    rows = json.dumps([(event_id.hex, topic) for event_id, topic in events.items()])
    new = (await tx.execute(ON_SQLITE, {"rows": rows, "now": now})).scalars()
    return frozenset(map(UUID, new))
