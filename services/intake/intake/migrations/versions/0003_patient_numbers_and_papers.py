"""Patient numbers by which an EMR's updates find referrals; documents that arrive in parts."""

import sqlalchemy as sa
from alembic import op

from common.database import Json, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patient_numbers",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("number_index", sa.String(length=64), nullable=False),
        sa.Column("clinic_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["referral_id"],
            ["referrals.id"],
            name=op.f("fk_patient_numbers_referral_id_referrals"),
        ),
        sa.PrimaryKeyConstraint("referral_id", "number_index", name=op.f("pk_patient_numbers")),
    )
    op.create_index(
        "ix_patient_numbers_clinic_id_number_index",
        "patient_numbers",
        ["clinic_id", "number_index"],
    )
    op.create_table(
        "paper_parts",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "number", "part", name=op.f("pk_paper_parts")),
    )
    op.create_index(op.f("ix_paper_parts_received_at"), "paper_parts", ["received_at"])
    op.add_column("reviews", sa.Column("papers", Json, nullable=True))
    op.create_index("ix_reviews_message_id", "reviews", ["message_id"])


def downgrade() -> None:
    op.drop_index("ix_reviews_message_id", "reviews")
    op.drop_column("reviews", "papers")
    op.drop_table("paper_parts")
    op.drop_table("patient_numbers")
