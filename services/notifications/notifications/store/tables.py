"""The tables of notifications. What is said of people lies sealed in `content` and `card` columns."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from common.database import Json, UtcDateTime
from common.tables import new_metadata

metadata = new_metadata(audited=True)

TRACEPARENT = 55
"""Characters of a W3C `traceparent`: the trace that a row's work goes on in."""

clinics = Table(
    "clinics",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Column("card", LargeBinary),
    Column("changed_at", UtcDateTime, nullable=False),
)

quarantined_numbers = Table(
    "quarantined_numbers",
    metadata,
    Column("clinic_id", String(100), primary_key=True),
    Column("number", String(20), primary_key=True),
    Column("since", UtcDateTime, nullable=False),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("clinic_id", String(100), primary_key=True),
    Column("url", String(2000), primary_key=True),
    Column("disabled_at", UtcDateTime),
)

early_events = Table(
    "early_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("clinic_id", String(100), nullable=False, index=True),
    Column("event_type", String(100), nullable=False),
    Column("event", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("traceparent", String(TRACEPARENT)),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event_key", String(64), nullable=False),
    Column("name", String(60), nullable=False),
    Column("referral_id", Uuid, nullable=False),
    Column("clinic_id", String(100), nullable=False),
    Column("referral_code", String(20), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("status", String(60), nullable=False),
    Column("waiting_on", String(30), nullable=False),
    Column("prior_authorization_id", Uuid),
    Column("appointment", Json),
    Column("happened_at", UtcDateTime, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("confirmed_by", Uuid),
    Column("superseded_by", Uuid),
    Column("traceparent", String(TRACEPARENT)),
    UniqueConstraint("event_key", "name"),
    Index("ix_notices_referral_id", "referral_id", "id"),
    Index("ix_notices_clinic_id", "clinic_id", "id"),
)

promises = Table(
    "promises",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("notice_id", Uuid, ForeignKey("notices.id"), nullable=False, index=True),
    Column("referral_id", Uuid, nullable=False, index=True),
    Column("clinic_id", String(100), nullable=False, index=True),
    Column("kind", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("at_risk_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("kept_at", UtcDateTime),
    Column("broken_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Index("ix_promises_at_risk", "state", "at_risk_at"),
    Index("ix_promises_due", "state", "due_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("notice_id", Uuid, ForeignKey("notices.id"), nullable=False, index=True),
    Column("referral_id", Uuid, nullable=False),
    Column("clinic_id", String(100), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("series", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("destination", String(2000)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("polls", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("first_attempt_at", UtcDateTime),
    Column("attempt_id", Uuid),
    Column("gateway_id", Text),
    Column("reason", String(60)),
    Column("code", Text),
    Column("late", Boolean, nullable=False, server_default=text("false")),
    Column("requested_by", String(200)),
    Column("request_reason", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("lease_token", Uuid),
    Column("leased_until", UtcDateTime),
    Column("traceparent", String(TRACEPARENT)),
    UniqueConstraint("notice_id", "channel", "series"),
    Index("ix_deliveries_due", "channel", "state", "next_attempt_at"),
    Index("ix_deliveries_referral_id", "referral_id", "channel", "state"),
    Index("ix_deliveries_clinic_id", "clinic_id", "state"),
    Index("ix_deliveries_gateway_id", "gateway_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(40)),
    Column("code", Text),
    Column("gateway_id", Text),
    Column("pages_ok", Integer),
    Column("far_id", Text),
    Column("forget_at", UtcDateTime),
    Column("forgotten_at", UtcDateTime),
    UniqueConstraint("delivery_id", "number"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("state", String(10), nullable=False),
    Column("clinic_id", String(100), nullable=False),
    Column("referral_id", Uuid),
    Column("notice_id", Uuid, index=True),
    Column("promise_id", Uuid),
    Column("delivery_id", Uuid),
    Column("created_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("done_by", String(200)),
    Column("done_reason", LargeBinary),
    Index(
        "uq_tasks_open",
        "kind",
        "key",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_tasks_state", "state", "id"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("prior_authorization_id", Uuid, primary_key=True),
    Column("referral_id", Uuid, nullable=False, index=True),
    Column("clinic_id", String(100), nullable=False),
    Column("event", Json, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("compose_at", UtcDateTime, nullable=False, index=True),
    Column("traceparent", String(TRACEPARENT)),
)
