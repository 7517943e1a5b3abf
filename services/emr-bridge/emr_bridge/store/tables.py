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
    Column("sender", String(200), nullable=False),
    Column("control_id", String(200), nullable=False),
    Column("message_type", String(100), nullable=False),
    Column("link_id", String(400)),
    Column("clinic_id", String(200)),
    Column("ack", LargeBinary, nullable=False),
    Column("duplicates", Integer, nullable=False, default=0),
    Column("received_at", UtcDateTime, nullable=False),
    Column("traceparent", String(55)),
    Column("state", String(20), nullable=False, default="kept"),
    Column("reason", String(100)),
    Column("repairs", Json, nullable=False, default=list),
    Column("became", String(100)),
    Column("interpreted_at", UtcDateTime),
    Column("announced", Boolean, nullable=False, server_default=true()),
)
"""What came in: written once at the door, beside what `unread` says, and never changed but to count
repeats. Whoever waits for an ACK waits for this row, so it is found by its id and its key alone.

The last six columns and their index are those of a release that may still run beside this one
(migration 0010); nothing here reads them."""

OLDER_WAITS = text("(state = 'received' OR NOT announced)")
Index(
    "ix_messages_waiting",
    messages.c.id,
    postgresql_where=OLDER_WAITS,
    sqlite_where=OLDER_WAITS,
)

unread = Table(
    "unread",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", String(100)),
    Column("announced", Boolean, nullable=False, default=False, server_default=false()),
    Column("older", Boolean, nullable=False, default=False, server_default=false()),
)
"""Messages that are to be announced, and read where they are `received`: a queue. It refers to
`messages` without the database's checking, which the sender would wait for. `older` marks what a
release before this one may read as well (migration 0010)."""

readings = Table(
    "readings",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", String(100)),
    Column("became", String(100)),
    Column("repairs", Json, nullable=False),
    Column("interpreted_at", UtcDateTime),
    Column("link_id", String(400)),
    Column("clinic_id", String(200)),
    Column("sender", String(200), nullable=False),
    Column("control_id", String(200), nullable=False),
    Column("message_type", String(100), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Index("ix_readings_state_message_id", "state", "message_id"),
    Index("ix_readings_message_type_message_id", "message_type", "message_id"),
    Index("ix_readings_link_id_message_id", "link_id", "message_id"),
    Index("ix_readings_sender_message_id", "sender", "message_id"),
    Index("ix_readings_control_id_message_id", "control_id", "message_id"),
    Index("ix_readings_received_at", "received_at", postgresql_using="brin"),
)
"""What messages turned out to be, each once it is announced; by what else they are searched."""

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
