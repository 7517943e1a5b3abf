"""A parent, and children that go with it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "parents", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text)
    )
    parent = sa.Column(
        "parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete="CASCADE"), nullable=False
    )
    op.create_table("children", sa.Column("id", sa.Integer, primary_key=True), parent)
    op.execute("INSERT INTO parents VALUES (1, 'zz')")
    op.execute("INSERT INTO children VALUES (1, 1), (2, 1)")
