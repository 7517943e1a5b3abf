"""Alembic's entry: everything is in common.migrations."""

from common.migrations import run_env
from notifications.store.tables import metadata

run_env(metadata)
