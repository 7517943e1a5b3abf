"""Intake's tables. What is of people stands only in columns that hold sealed bytes."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from common.database import AutoId, Json, UtcDateTime
from common.tables import new_metadata

metadata = new_metadata()

CLINIC_ID = String(64)

clinics = Table(
    "clinics",
    metadata,
    Column("id", CLINIC_ID, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("content", Json, nullable=False),
    Column("people", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

referrals = Table(
    "referrals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", String(16), nullable=False, unique=True),
    Column("clinic_id", CLINIC_ID, ForeignKey("clinics.id"), nullable=False),
    Column("status", String(32), nullable=False),
    Column("reason", String(64)),
    Column("waiting_on", String(16), nullable=False),
    Column("respond_by", UtcDateTime),
    Column("version", Integer, nullable=False),
    Column("held_at", Json),
    Column("asked_at", Json),
    Column("cancellation", Json),
    Column("completeness", Integer, nullable=False),
    Column("door", String(16), nullable=False),
    Column("source_message_id", Uuid),
    Column("received_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("patient_index", String(64)),
    Column("details", LargeBinary, nullable=False),
    Index("ix_referrals_updated_at_id", "updated_at", "id"),
    Index("ix_referrals_clinic_id_updated_at_id", "clinic_id", "updated_at", "id"),
    Index("ix_referrals_status_updated_at_id", "status", "updated_at", "id"),
    Index("ix_referrals_clinic_id_patient_index", "clinic_id", "patient_index"),
)


def _of_referral() -> ForeignKey:
    return ForeignKey("referrals.id")


external_ids = Table(
    "external_ids",
    metadata,
    Column("referral_id", Uuid, _of_referral(), primary_key=True),
    Column("system", String(200), primary_key=True),
    Column("value", String(200), primary_key=True),
    Column("clinic_id", CLINIC_ID, nullable=False),
    Index("ix_external_ids_clinic_id_value", "clinic_id", "value"),
)

patient_numbers = Table(
    "patient_numbers",
    metadata,
    Column("referral_id", Uuid, _of_referral(), primary_key=True),
    Column("number_index", String(64), primary_key=True),
    Column("clinic_id", CLINIC_ID, nullable=False),
    Index("ix_patient_numbers_clinic_id_number_index", "clinic_id", "number_index"),
)

paper_parts = Table(
    "paper_parts",
    metadata,
    Column("message_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("received_at", UtcDateTime, nullable=False, index=True),
)

submissions = Table(
    "submissions",
    metadata,
    Column("door", String(16), primary_key=True),
    Column("message_id", Uuid, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
)

prior_authorizations = Table(
    "prior_authorizations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False, index=True),
    Column("benefit", String(16), nullable=False),
    Column("state", String(32), nullable=False),
    Column("level", Integer, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("replaces", Uuid),
    Column("known_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("details", LargeBinary, nullable=False),
)

appointments = Table(
    "appointments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("place", LargeBinary),
    Column("created_at", UtcDateTime, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False, index=True),
    Column("code", String(64), nullable=False),
    Column("pointer", String(200), nullable=False),
    Column("question", String(500), nullable=False),
    Column("blocking", Boolean, nullable=False),
    Column("related", String(16)),
    Column("found_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
)

timeline = Table(
    "timeline",
    metadata,
    Column("position", AutoId, primary_key=True, autoincrement=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("what", String(64), nullable=False),
    Column("from_status", String(32)),
    Column("to_status", String(32)),
    Column("reason", String(64)),
    Column("source_message_id", Uuid),
    Column("facts", Json, nullable=False),
    Column("note", LargeBinary),
    Index("ix_timeline_referral_id_position", "referral_id", "position"),
)

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("name", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("referral_id", "sha256"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("clinic_id", CLINIC_ID),
    Column("referral_id", Uuid, _of_referral()),
    Column("reason", String(64), nullable=False),
    Column("door", String(16), nullable=False),
    Column("sender", String(200)),
    Column("message_id", Uuid),
    Column("message_type", String(64)),
    Column("external_id", String(200)),
    Column("submission", LargeBinary),
    Column("papers", Json),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(200)),
    Column("resolution", String(16)),
    Column("note", LargeBinary),
    Column("traceparent", String(55)),
    Index("ix_reviews_resolved_at_opened_at_id", "resolved_at", "opened_at", "id"),
    Index("ix_reviews_message_id", "message_id"),
)

promises = Table(
    "promises",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("notice_id", Uuid),
    Column("started_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("kept_at", UtcDateTime),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("referral_id", Uuid, _of_referral(), nullable=False, index=True),
    Column("notice_id", Uuid, nullable=False),
    Column("notice", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("confirmed_at", UtcDateTime),
    Column("reason_class", String(64)),
    Column("failure_code", String(64)),
    Column("next_channel", String(16)),
    Column("needs_person", Boolean, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
)
