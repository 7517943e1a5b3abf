"""The whole system in one process, and the world around it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.system.whole import Whole
from tests.system.world import Outside, outside, settings_for


@dataclass
class World(Outside):
    """What is outside, and the system in it."""

    whole: Whole


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[World]:
    async with outside(tmp_path) as around:
        whole = Whole(tmp_path / "system", settings_for(around.gateway))
        try:
            await whole.start()
            yield World(around.gateway, around.emr, around.hook, whole)
        finally:
            await whole.end()
