"""Alembic's entry: everything is in common.migrations."""

from common.migrations import run_env
from emr_bridge.store.tables import metadata

run_env(metadata)
