"""The row that every baseline writes: a referral of 1.5 kB and its event."""

import json
import uuid
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, Uuid, insert

SCHEMA = """
CREATE TABLE referrals (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    control_id text NOT NULL,
    content text NOT NULL,
    UNIQUE (source, control_id)
);
CREATE TABLE outbox (
    id bigserial PRIMARY KEY,
    referral_id uuid NOT NULL,
    payload text NOT NULL
);
"""

IN_ONE_STATEMENT = """
WITH kept AS (
    INSERT INTO referrals (id, source, control_id, content) VALUES ($1, $2, $3, $4) RETURNING id
)
INSERT INTO outbox (referral_id, payload) SELECT id, $5 FROM kept
"""

SOURCE = "EPIC|NORTHRHEUM"
CONTENT = "x" * 1500

metadata = MetaData()
referrals = Table(
    "referrals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", String, nullable=False),
    Column("control_id", String, nullable=False, unique=True),
    Column("content", Text, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("referral_id", Uuid, nullable=False),
    Column("payload", Text, nullable=False),
)
REFERRAL, OUTBOX = insert(referrals), insert(outbox)


def payload(identifier: uuid.UUID) -> str:
    """Return an event of about 450 bytes."""
    told = {"id": str(uuid.uuid4()), "type": "referral.received.v1", "subject": str(identifier)}
    return json.dumps(told | {"source": "baseline", "data": "y" * 280})


def values(identifier: uuid.UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what Core inserts: the referral and its event."""
    row = {"id": identifier, "source": SOURCE, "control_id": identifier.hex, "content": CONTENT}
    return row, {"referral_id": identifier, "payload": payload(identifier)}
