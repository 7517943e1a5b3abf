"""Parked messages with what they said before an edit, a link's circuit and clock, the application's answer."""

import sqlalchemy as sa
from alembic import op

from common.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "links", sa.Column("time_zone", sa.String(64), nullable=False, server_default="UTC")
    )
    op.add_column("links", sa.Column("faults", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("links", sa.Column("circuit", sa.String(20), nullable=True))
    op.add_column("links", sa.Column("answered_at", UtcDateTime, nullable=True))
    op.add_column("links", sa.Column("last_answer", sa.String(100), nullable=True))
    op.add_column(
        "correlations",
        sa.Column("cancel_asked", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("outbound", sa.Column("message_type", sa.String(20), nullable=True))
    op.add_column(
        "outbound", sa.Column("revision", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("outbound", sa.Column("application_answer", sa.LargeBinary(), nullable=True))
    op.add_column("outbound", sa.Column("replayed_at", UtcDateTime, nullable=True))
    op.create_index("ix_outbound_state_id", "outbound", ["state", "id"])
    op.create_table(
        "outbound_revisions",
        sa.Column("outbound_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("control_id", sa.String(20), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("replaced_at", UtcDateTime, nullable=False),
        sa.Column("replaced_by", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(
            ["outbound_id"],
            ["outbound.id"],
            name=op.f("fk_outbound_revisions_outbound_id_outbound"),
        ),
        sa.PrimaryKeyConstraint("outbound_id", "number", name=op.f("pk_outbound_revisions")),
    )


def downgrade() -> None:
    op.drop_table("outbound_revisions")
    op.drop_index("ix_outbound_state_id", table_name="outbound")
    for column in ("replayed_at", "application_answer", "revision", "message_type"):
        op.drop_column("outbound", column)
    op.drop_column("correlations", "cancel_asked")
    for column in ("last_answer", "answered_at", "circuit", "faults", "time_zone"):
        op.drop_column("links", column)
