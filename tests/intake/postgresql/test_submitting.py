"""Submissions of one moment on PostgreSQL: the tests beside this folder, with its conftest's databases."""

from tests.intake.api.test_submitting import *
