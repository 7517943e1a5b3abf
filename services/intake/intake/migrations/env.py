"""Alembic's entry: everything is in common.migrations."""

from common.migrations import run_env
from intake.store.tables import metadata

run_env(metadata)
