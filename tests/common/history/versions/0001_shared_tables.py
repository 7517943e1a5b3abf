"""The shared tables and the sample's own."""

from alembic import op
from tests.common.sample import metadata

revision = "0001"
down_revision = None


def upgrade():
    metadata.create_all(op.get_bind())
