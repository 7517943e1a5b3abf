"""A history whose only revision fails, shaped as each service's own."""

from tests.common.sample import metadata

from common.migrations import run_env

run_env(metadata)
