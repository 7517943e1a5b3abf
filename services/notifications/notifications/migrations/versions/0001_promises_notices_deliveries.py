"""Clinics, notices, promises, deliveries, tasks, heartbeats, and the shared tables."""

import sqlalchemy as sa
from alembic import op

from common.database import AutoId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clinics",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=True),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinics")),
    )
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
        "early_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("event", Json, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_early_events")),
    )
    op.create_index(op.f("ix_early_events_clinic_id"), "early_events", ["clinic_id"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("prior_authorization_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("event", Json, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("compose_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("prior_authorization_id", name=op.f("pk_heartbeats")),
    )
    op.create_index(op.f("ix_heartbeats_compose_at"), "heartbeats", ["compose_at"], unique=False)
    op.create_index(op.f("ix_heartbeats_referral_id"), "heartbeats", ["referral_id"], unique=False)
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
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("referral_code", sa.String(length=20), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("waiting_on", sa.String(length=30), nullable=False),
        sa.Column("prior_authorization_id", sa.Uuid(), nullable=True),
        sa.Column("appointment", Json, nullable=True),
        sa.Column("happened_at", UtcDateTime, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("confirmed_at", UtcDateTime, nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("event_key", "name", name=op.f("uq_notices_event_key_name")),
    )
    op.create_index("ix_notices_clinic_id", "notices", ["clinic_id", "id"], unique=False)
    op.create_index("ix_notices_referral_id", "notices", ["referral_id", "id"], unique=False)
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
        "quarantined_numbers",
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("clinic_id", "number", name=op.f("pk_quarantined_numbers")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("promise_id", sa.Uuid(), nullable=True),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("done_at", UtcDateTime, nullable=True),
        sa.Column("done_by", sa.String(length=200), nullable=True),
        sa.Column("done_reason", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_notice_id"), "tasks", ["notice_id"], unique=False)
    op.create_index("ix_tasks_state", "tasks", ["state", "id"], unique=False)
    op.create_index(
        "uq_tasks_open",
        "tasks",
        ["kind", "key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("disabled_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("clinic_id", "url", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("destination", sa.String(length=2000), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("polls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("first_attempt_at", UtcDateTime, nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=True),
        sa.Column("request_reason", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.id"], name=op.f("fk_deliveries_notice_id_notices")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "notice_id", "channel", "series", name=op.f("uq_deliveries_notice_id_channel_series")
        ),
    )
    op.create_index("ix_deliveries_clinic_id", "deliveries", ["clinic_id", "state"], unique=False)
    op.create_index(
        "ix_deliveries_due", "deliveries", ["channel", "state", "next_attempt_at"], unique=False
    )
    op.create_index("ix_deliveries_gateway_id", "deliveries", ["gateway_id"], unique=False)
    op.create_index(op.f("ix_deliveries_notice_id"), "deliveries", ["notice_id"], unique=False)
    op.create_index(
        "ix_deliveries_referral_id", "deliveries", ["referral_id", "channel", "state"], unique=False
    )
    op.create_table(
        "promises",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("at_risk_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("kept_at", UtcDateTime, nullable=True),
        sa.Column("broken_at", UtcDateTime, nullable=True),
        sa.Column("delivered_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.id"], name=op.f("fk_promises_notice_id_notices")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
    )
    op.create_index("ix_promises_at_risk", "promises", ["state", "at_risk_at"], unique=False)
    op.create_index(op.f("ix_promises_clinic_id"), "promises", ["clinic_id"], unique=False)
    op.create_index("ix_promises_due", "promises", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_promises_notice_id"), "promises", ["notice_id"], unique=False)
    op.create_index(op.f("ix_promises_referral_id"), "promises", ["referral_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("gateway_id", sa.Text(), nullable=True),
        sa.Column("pages_ok", sa.Integer(), nullable=True),
        sa.Column("far_id", sa.Text(), nullable=True),
        sa.Column("forget_at", UtcDateTime, nullable=True),
        sa.Column("forgotten_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id_deliveries")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("delivery_id", "number", name=op.f("uq_attempts_delivery_id_number")),
    )
    op.create_index(op.f("ix_attempts_delivery_id"), "attempts", ["delivery_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_attempts_delivery_id"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_index(op.f("ix_promises_referral_id"), table_name="promises")
    op.drop_index(op.f("ix_promises_notice_id"), table_name="promises")
    op.drop_index("ix_promises_due", table_name="promises")
    op.drop_index(op.f("ix_promises_clinic_id"), table_name="promises")
    op.drop_index("ix_promises_at_risk", table_name="promises")
    op.drop_table("promises")
    op.drop_index("ix_deliveries_referral_id", table_name="deliveries")
    op.drop_index(op.f("ix_deliveries_notice_id"), table_name="deliveries")
    op.drop_index("ix_deliveries_gateway_id", table_name="deliveries")
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.drop_index("ix_deliveries_clinic_id", table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_table("webhook_endpoints")
    op.drop_index(
        "uq_tasks_open",
        table_name="tasks",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_tasks_state", table_name="tasks")
    op.drop_index(op.f("ix_tasks_notice_id"), table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("quarantined_numbers")
    op.drop_table("outbox")
    op.drop_index("ix_notices_referral_id", table_name="notices")
    op.drop_index("ix_notices_clinic_id", table_name="notices")
    op.drop_table("notices")
    op.drop_table("inbox")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_heartbeats_referral_id"), table_name="heartbeats")
    op.drop_index(op.f("ix_heartbeats_compose_at"), table_name="heartbeats")
    op.drop_table("heartbeats")
    op.drop_index(op.f("ix_early_events_clinic_id"), table_name="early_events")
    op.drop_table("early_events")
    op.drop_index("ix_dead_letters_place", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("clinics")
