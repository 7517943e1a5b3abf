"""What is known of orders, on PostgreSQL: the tests beside this folder, with its conftest's databases."""

from tests.intake.store.test_known import *
