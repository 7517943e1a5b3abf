"""A revision that fails half-way."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE half (n INTEGER)")
    op.execute("SELECT * FROM nowhere")
