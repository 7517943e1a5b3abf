"""Every test of migrations runs on both engines."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.servers.plugin import empty_database

MakeUrl = Callable[[str], Awaitable[str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> MakeUrl:
    """Give the URL of an empty database by its name."""

    async def make(name: str) -> str:
        if request.param == "sqlite":
            return f"sqlite+aiosqlite:///{tmp_path / name}.db"
        return await empty_database(request.getfixturevalue("postgresql"))

    return make
