"""The tables of emr-bridge. What holds people's data is sealed before it gets here."""

from sqlalchemy import (
    BigInteger,
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
    false,
    text,
    true,
)

from common.database import Json, UtcDateTime
from common.tables import new_metadata

metadata = new_metadata(audited=True)

links = Table(
    "links",
    metadata,
    Column("id", String(400), primary_key=True),
    Column("clinic_id", String(200), nullable=False, index=True),
    Column("sender_key", String(400), nullable=False, index=True),
    Column("sending_application", String(200), nullable=False),
    Column("sending_facility", String(200), nullable=False),
    Column("receiving_application", String(200)),
    Column("receiving_facility", String(200)),
    Column("host", String(255)),
    Column("port", Integer),
    Column("charset", String(40), nullable=False),
    Column("dialect", Json),
    Column("time_zone", String(64), nullable=False, default="UTC", server_default="UTC"),
    Column("active", Boolean, nullable=False),
    Column("down_since", UtcDateTime),
    Column("failures", Integer, nullable=False, default=0),
    Column("faults", Integer, nullable=False, default=0, server_default="0"),
    Column("circuit", String(20)),
    Column("answered_at", UtcDateTime),
    Column("last_answer", String(100)),
    Column("next_attempt_at", UtcDateTime),
    Column("last_error", String(100)),
    Column("lease_token", Uuid),
    Column("leased_until", UtcDateTime),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dedup_key", String(64), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sender", String(200), nullable=False, index=True),
    Column("control_id", String(200), nullable=False, index=True),
    Column("message_type", String(100), nullable=False),
    Column("link_id", String(400)),
    Column("clinic_id", String(200)),
    Column("state", String(20), nullable=False),
    Column("reason", String(100)),
    Column("repairs", Json, nullable=False),
    Column("became", String(100)),
    Column("ack", LargeBinary, nullable=False),
    Column("duplicates", Integer, nullable=False, default=0),
    Column("received_at", UtcDateTime, nullable=False),
    Column("interpreted_at", UtcDateTime),
    Column("announced", Boolean, nullable=False, server_default=true()),
    Column("traceparent", String(55)),
    Index("ix_messages_state_id", "state", "id"),
    Index("ix_messages_message_type_id", "message_type", "id"),
    Index("ix_messages_link_id_id", "link_id", "id"),
    Index("ix_messages_received_at", "received_at", postgresql_using="brin"),
)

WAITING = text("(state = 'received' OR NOT announced)")
"""Messages that are to be read, or announced: the table is its own queue. Word for word the
condition of the index, which would not be used for another."""

Index(
    "ix_messages_waiting",
    messages.c.id,
    postgresql_where=WAITING,
    sqlite_where=WAITING,
)

message_keys = Table(
    "message_keys",
    metadata,
    Column("message_id", Uuid, ForeignKey("messages.id"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("hash", String(64), primary_key=True),
    Index("ix_message_keys_kind_hash_message_id", "kind", "hash", "message_id"),
)
"""Keyed hashes of a message's numbers (`formats.hl7v2.marks`), by which it is searched."""

replies = Table(
    "replies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False, unique=True),
    Column("link_id", String(400), nullable=False),
    Column("way", String(20), nullable=False),
    Column("control_id", String(20), nullable=False),
    Column("code", String(2), nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_error", String(100)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("lease_token", Uuid),
    Column("leased_until", UtcDateTime),
    Index("ix_replies_state_next_attempt_at", "state", "next_attempt_at"),
)
"""Our application ACKs (MSH-16) that go out as messages of their own."""

links_revision = Table(
    "links_revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
"""One row at most: how often links have changed. Who remembers links asks whether it still does."""

correlations = Table(
    "correlations",
    metadata,
    Column("message_id", Uuid, ForeignKey("messages.id"), primary_key=True),
    Column("clinic_id", String(200), nullable=False),
    Column("link_id", String(400), nullable=False),
    Column("placer", Text, nullable=False),
    Column("patient_ids", LargeBinary, nullable=False),
    Column("provider", LargeBinary),
    Column("referral_id", Uuid, index=True),
    Column("cancel_asked", Boolean, nullable=False, default=False, server_default=false()),
    Column("created_at", UtcDateTime, nullable=False),
)

outbound = Table(
    "outbound",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, nullable=False),
    Column("part", String(20), nullable=False),
    Column("referral_id", Uuid, nullable=False),
    Column("clinic_id", String(200), nullable=False),
    Column("link_id", String(400)),
    Column("notice", String(100), nullable=False),
    Column("request", Json, nullable=False),
    Column("message", LargeBinary),
    Column("message_type", String(20)),
    Column("control_id", String(20), unique=True),
    Column("revision", Integer, nullable=False, default=0, server_default="0"),
    Column("application_answer", LargeBinary),
    Column("state", String(20), nullable=False),
    Column("withdrawn", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_code", String(100)),
    Column("lease_token", Uuid),
    Column("created_at", UtcDateTime, nullable=False),
    Column("replayed_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("traceparent", String(55)),
    UniqueConstraint("delivery_id", "part"),
    Index("ix_outbound_link_id_state_id", "link_id", "state", "id"),
    Index("ix_outbound_referral_id_state", "referral_id", "state"),
    Index("ix_outbound_state_id", "state", "id"),
)

outbound_revisions = Table(
    "outbound_revisions",
    metadata,
    Column("outbound_id", Uuid, ForeignKey("outbound.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("control_id", String(20), nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("replaced_at", UtcDateTime, nullable=False),
    Column("replaced_by", String(200), nullable=False),
)

outbound_attempts = Table(
    "outbound_attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("outbound_id", Uuid, ForeignKey("outbound.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("answer", LargeBinary),
    Column("verdict", String(40)),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
