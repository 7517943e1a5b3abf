"""Claims on PostgreSQL: the tests beside this folder, with its conftest's databases."""

from tests.common.test_claims import *
