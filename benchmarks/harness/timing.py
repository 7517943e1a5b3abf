"""For programs that load from inside: many at once, as fast as it goes, percentiles at the end."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence

WARMUP_SECONDS = 0.5


async def hammer(writes: Sequence[Callable[[], Awaitable[object]]], seconds: float) -> list[float]:
    """Do each again and again, all at once; return the seconds that each took, after a warm-up."""
    count_from = time.perf_counter() + WARMUP_SECONDS
    taken = await asyncio.gather(*(_repeat(one, count_from, seconds) for one in writes))
    return [sample for own in taken for sample in own]


async def _repeat(
    write: Callable[[], Awaitable[object]], count_from: float, seconds: float
) -> list[float]:
    samples: list[float] = []
    began = time.perf_counter()
    while began < count_from + seconds:
        await write()
        ended = time.perf_counter()
        if ended >= count_from:
            samples.append(ended - began)
        began = ended
    return samples


def tell(samples: Sequence[float], *, rate: float) -> None:
    """Print a Sample as JSON: the rate, and the percentiles of what was taken."""
    middle, late = percentile(samples, 0.5), percentile(samples, 0.99)
    print(json.dumps({"rate": rate, "p50_ms": 1000 * middle, "p99_ms": 1000 * late}))


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the sample below which that share of all lies."""
    in_order = sorted(samples)
    return in_order[min(int(share * len(in_order)), len(in_order) - 1)]
