"""The history of two tables of which one refers to the other."""

from sqlalchemy import MetaData

from common.migrations import run_env

run_env(MetaData())
