"""The database on PostgreSQL: the tests beside this folder, with its conftest's databases."""

from tests.common.test_database import *

ONLY_ON_SQLITE = (
    "test_the_settings_of_sqlite_keep_what_was_committed",
    # On PostgreSQL two transactions may read the same row and both write it: whoever reads in order
    # to write locks the row (FOR UPDATE) or checks its version.
    "test_twenty_transactions_that_read_and_then_write_all_succeed",
    # The driver names the refusal otherwise; see test_postgresql.py.
    "test_a_reader_cannot_write",
)
for name in ONLY_ON_SQLITE:
    del globals()[name]
