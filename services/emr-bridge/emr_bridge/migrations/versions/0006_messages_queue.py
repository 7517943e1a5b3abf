"""Messages are their own queue: which are to be announced, and how often links have changed.

Rows that a release from before this one adds count as announced: it announces them at the door.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING = sa.text("(state = 'received' OR NOT announced)")


def upgrade() -> None:
    announced = sa.Column("announced", sa.Boolean(), server_default=sa.true(), nullable=False)
    op.add_column("messages", announced)
    op.create_index(
        "ix_messages_waiting",
        "messages",
        ["id"],
        unique=False,
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    )
    op.create_table(
        "links_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links_revision")),
    )


def downgrade() -> None:
    op.drop_table("links_revision")
    op.drop_index("ix_messages_waiting", table_name="messages")
    op.drop_column("messages", "announced")
