"""Links, messages, correlations, outbound messages and attempts, and the shared tables."""

import sqlalchemy as sa
from alembic import op

from common.database import AutoId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_offset", AutoId, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_at", UtcDateTime, nullable=False),
        sa.Column("replayed_at", UtcDateTime, nullable=True),
        sa.Column("replayed_by", sa.String(length=200), nullable=True),
        sa.Column("replay_reason", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "ix_dead_letters_place",
        "dead_letters",
        ["topic", "partition", "record_offset"],
        unique=True,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("handled_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("clinic_id", sa.String(length=200), nullable=False),
        sa.Column("sender_key", sa.String(length=400), nullable=False),
        sa.Column("sending_application", sa.String(length=200), nullable=False),
        sa.Column("sending_facility", sa.String(length=200), nullable=False),
        sa.Column("receiving_application", sa.String(length=200), nullable=True),
        sa.Column("receiving_facility", sa.String(length=200), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("charset", sa.String(length=40), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("down_since", UtcDateTime, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=True),
        sa.Column("last_error", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_clinic_id"), "links", ["clinic_id"], unique=False)
    op.create_index(op.f("ix_links_sender_key"), "links", ["sender_key"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedup_key", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("message_type", sa.String(length=100), nullable=False),
        sa.Column("link_id", sa.String(length=400), nullable=True),
        sa.Column("clinic_id", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("repairs", Json, nullable=False),
        sa.Column("became", sa.String(length=100), nullable=True),
        sa.Column("ack", sa.LargeBinary(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("interpreted_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_messages_dedup_key")),
    )
    op.create_index(op.f("ix_messages_control_id"), "messages", ["control_id"], unique=False)
    op.create_index("ix_messages_message_type_id", "messages", ["message_type", "id"], unique=False)
    op.create_index(op.f("ix_messages_sender"), "messages", ["sender"], unique=False)
    op.create_index("ix_messages_state_id", "messages", ["state", "id"], unique=False)
    op.create_table(
        "outbound",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=200), nullable=False),
        sa.Column("link_id", sa.String(length=400), nullable=True),
        sa.Column("notice", sa.String(length=100), nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.Column("control_id", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("last_code", sa.String(length=100), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound")),
        sa.UniqueConstraint("control_id", name=op.f("uq_outbound_control_id")),
        sa.UniqueConstraint("delivery_id", "part", name=op.f("uq_outbound_delivery_id_part")),
    )
    op.create_index(
        "ix_outbound_link_id_state_id", "outbound", ["link_id", "state", "id"], unique=False
    )
    op.create_index(
        "ix_outbound_referral_id_state", "outbound", ["referral_id", "state"], unique=False
    )
    op.create_table(
        "outbox",
        sa.Column("id", AutoId, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "correlations",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=200), nullable=False),
        sa.Column("link_id", sa.String(length=400), nullable=False),
        sa.Column("placer", sa.Text(), nullable=False),
        sa.Column("patient_ids", sa.LargeBinary(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_correlations_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_correlations")),
    )
    op.create_index(
        op.f("ix_correlations_referral_id"), "correlations", ["referral_id"], unique=False
    )
    op.create_table(
        "outbound_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("outbound_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("verdict", sa.String(length=40), nullable=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["outbound_id"], ["outbound.id"], name=op.f("fk_outbound_attempts_outbound_id_outbound")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_attempts")),
    )
    op.create_index(
        op.f("ix_outbound_attempts_outbound_id"), "outbound_attempts", ["outbound_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_outbound_attempts_outbound_id"), table_name="outbound_attempts")
    op.drop_table("outbound_attempts")
    op.drop_index(op.f("ix_correlations_referral_id"), table_name="correlations")
    op.drop_table("correlations")
    op.drop_table("outbox")
    op.drop_index("ix_outbound_referral_id_state", table_name="outbound")
    op.drop_index("ix_outbound_link_id_state_id", table_name="outbound")
    op.drop_table("outbound")
    op.drop_index("ix_messages_state_id", table_name="messages")
    op.drop_index(op.f("ix_messages_sender"), table_name="messages")
    op.drop_index("ix_messages_message_type_id", table_name="messages")
    op.drop_index(op.f("ix_messages_control_id"), table_name="messages")
    op.drop_table("messages")
    op.drop_index(op.f("ix_links_sender_key"), table_name="links")
    op.drop_index(op.f("ix_links_clinic_id"), table_name="links")
    op.drop_table("links")
    op.drop_table("inbox")
    op.drop_table("idempotency_keys")
    op.drop_index("ix_dead_letters_place", table_name="dead_letters")
    op.drop_table("dead_letters")
