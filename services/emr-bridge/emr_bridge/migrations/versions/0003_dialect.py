"""How each EMR speaks HL7 v2 where EMRs differ; a link without one speaks as most do."""

import sqlalchemy as sa
from alembic import op

from common.database import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("links", sa.Column("dialect", Json, nullable=True))


def downgrade() -> None:
    op.drop_column("links", "dialect")
