"""Forgets the children."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.execute("DELETE FROM parents")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("INSERT INTO children VALUES (3, 9)")
