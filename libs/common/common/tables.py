"""The tables that every service has: outbox, inbox, dead letters, answers kept for repeated requests."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Uuid

from common.database import NAMING, AutoId, Json, UtcDateTime

shared = MetaData(naming_convention=NAMING)

outbox = Table(
    "outbox",
    shared,
    Column("id", AutoId, primary_key=True, autoincrement=True),
    Column("event_id", Uuid, nullable=False),
    Column("topic", String(100), nullable=False),
    Column("key", String(200), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

inbox = Table(
    "inbox",
    shared,
    Column("event_id", Uuid, primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("handled_at", UtcDateTime, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    shared,
    Column("id", Uuid, primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("record_offset", AutoId, nullable=False),
    Column("key", String(200), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("code", String(100), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", UtcDateTime, nullable=False),
    Column("replayed_at", UtcDateTime),
    Column("replayed_by", String(200)),
    Column("replay_reason", String(1000)),
    Index("ix_dead_letters_place", "topic", "partition", "record_offset", unique=True),
)

idempotency_keys = Table(
    "idempotency_keys",
    shared,
    Column("scope", String(300), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)


audit = Table(
    "audit",
    MetaData(naming_convention=NAMING),
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("client", String(100)),
    Column("reason", LargeBinary),
    Column("detail", Json, nullable=False),
    Index("ix_audit_subject_id", "subject", "id"),
    Index("ix_audit_actor_id", "actor", "id"),
)
"""Who looked at what, or changed it by hand, and why: of the services that show people's data."""


def new_metadata(*, audited: bool = False) -> MetaData:
    """Return a service's MetaData that already holds the shared tables, with the audit if asked."""
    metadata = MetaData(naming_convention=NAMING)
    for table in (*shared.sorted_tables, *((audit,) if audited else ())):
        table.to_metadata(metadata)
    return metadata
