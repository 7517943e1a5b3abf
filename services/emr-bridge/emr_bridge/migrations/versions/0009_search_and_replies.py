"""By what messages are searched; application ACKs that go out by themselves."""

import sqlalchemy as sa
from alembic import op

from common.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_messages_link_id_id", "messages", ["link_id", "id"])
    op.create_index("ix_messages_received_at", "messages", ["received_at"], postgresql_using="brin")
    op.create_table(
        "message_keys",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_message_keys_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("message_id", "kind", "hash", name=op.f("pk_message_keys")),
    )
    op.create_index(
        "ix_message_keys_kind_hash_message_id", "message_keys", ["kind", "hash", "message_id"]
    )
    op.create_table(
        "replies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.String(length=400), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("control_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=2), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("last_error", sa.String(length=100), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("leased_until", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_replies_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("message_id", name=op.f("uq_replies_message_id")),
    )
    op.create_index("ix_replies_state_next_attempt_at", "replies", ["state", "next_attempt_at"])


def downgrade() -> None:
    op.drop_index("ix_replies_state_next_attempt_at", table_name="replies")
    op.drop_table("replies")
    op.drop_index("ix_message_keys_kind_hash_message_id", table_name="message_keys")
    op.drop_table("message_keys")
    op.drop_index("ix_messages_received_at", table_name="messages")
    op.drop_index("ix_messages_link_id_id", table_name="messages")
