"""The history of the sample tables, shaped as each service's own."""

from tests.common.sample import metadata

from common.migrations import run_env

run_env(metadata)
