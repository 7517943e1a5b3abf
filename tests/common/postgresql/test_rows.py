"""The same rows on PostgreSQL, with this folder's databases; and the lengths that it alone knows."""

import pytest
from sqlalchemy.exc import DBAPIError
from tests.common.test_rows import *
from tests.common.test_rows import an_order, orders

from common.rows import insert_all


async def test_what_is_too_long_for_its_column_is_refused_and_not_cut_off(db):
    with pytest.raises(DBAPIError, match="too long"):
        async with db.begin() as tx:
            await insert_all(tx, (orders, [an_order(1, note="x" * 11)]))
