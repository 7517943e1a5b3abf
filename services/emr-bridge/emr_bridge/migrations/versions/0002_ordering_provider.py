"""Who ordered, as the sender wrote it: reports are routed by it in the sender's EMR."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("correlations", sa.Column("provider", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("correlations", "provider")
