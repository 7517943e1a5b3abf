"""One module per series: who competes, under which loads, and what we aim at."""

from collections.abc import Callable, Mapping

from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers
from benchmarks.series import events, mllp, parse, rest, sqlite, whole

ALL: Mapping[str, Callable[[Servers], Series]] = {
    "mllp": mllp.series,
    "parse": parse.series,
    "relay": events.relay,
    "publish": events.latency,
    "consumer": events.consumer,
    "sqlite": sqlite.series,
    "rest": rest.series,
    "embedded": whole.embedded,
    "delivery": whole.confirmed,
}
"""In the order in which they are run."""
