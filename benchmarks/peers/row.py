"""The row that every baseline writes: a referral of 1.5 kB and its event, in one statement."""

import json
import uuid

SCHEMA = """
CREATE TABLE referrals (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    control_id text NOT NULL,
    content text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, control_id)
);
CREATE TABLE outbox (
    id bigserial PRIMARY KEY,
    referral_id uuid NOT NULL,
    payload text NOT NULL
);
"""

INSERT = """
WITH kept AS (
    INSERT INTO referrals (id, source, control_id, content) VALUES ($1, $2, $3, $4) RETURNING id
)
INSERT INTO outbox (referral_id, payload) SELECT id, $5 FROM kept
"""

SOURCE = "EPIC|NORTHRHEUM"
CONTENT = "x" * 1500


def payload(identifier: uuid.UUID) -> str:
    """Return an event of about 450 bytes."""
    told = {"id": str(uuid.uuid4()), "type": "referral.received.v1", "subject": str(identifier)}
    return json.dumps(told | {"source": "baseline", "data": "y" * 280})
