"""What the composition decides: in which process messages are read."""

from datetime import UTC, datetime

import pytest

from common.settings import SharedSettings
from embedded.system import Overrides, compose
from emr_bridge.workers.apart import ReadingApart

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "clock", "apart"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"clock_speed": 20}, False),
        (True, {"clock_speed": 20, "clock_began": BEGAN}, True),
    ],
)
async def test_another_process_reads_where_it_has_the_same_settings_and_clock(
    tmp_path, asked, clock, apart
):
    """Broken by a process that takes another moment for the beginning of a clock that runs faster."""
    shared = SharedSettings(data_dir=tmp_path, **clock)
    system = compose(Overrides(), shared=shared, reads_apart=asked)
    workers = {worker.name: worker for service in system.services for worker in service.workers}
    reads = getattr(workers["interpreter"].run, "__self__", None)
    async with system.opened():
        assert isinstance(reads, ReadingApart) == apart
