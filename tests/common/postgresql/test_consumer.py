"""The consumer on PostgreSQL: the tests beside this folder, with its conftest's databases."""

from tests.common.test_consumer import *
