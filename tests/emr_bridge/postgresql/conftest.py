"""The tests of this folder get databases on PostgreSQL, where transactions really run side by side."""

import pytest


@pytest.fixture
def engine() -> str:
    return "postgresql"
