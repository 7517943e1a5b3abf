"""Makes the parent's table anew where the engine cannot change it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("parents") as parents:
        parents.alter_column("name", existing_type=sa.Text(), nullable=False)
