"""A running service as values: what the runner needs to start one, alone or beside others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI

from common.clock import Clock, utc_now
from common.database import Database
from common.eventlog.port import EventLog
from common.gauges import Measure
from common.sealing import Sealer
from common.verdicts import Handlers
from common.worker import Worker


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a service is given: its database, the log, the sealing keys and the time."""

    db: Database
    log: EventLog
    sealer: Sealer
    clock: Clock = utc_now


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its API, its workers, what it reads from the log, what it tells Prometheus."""

    name: str
    api: FastAPI
    runtime: Runtime
    migrations: str
    workers: Sequence[Worker] = field(default=())
    handlers: Handlers = field(default_factory=dict)
    topics: Sequence[str] = field(default=())
    gives_way: bool = False
    """Whether others go first where they share a process: nobody waits for what it makes of events."""
    gauges: Sequence[Measure] = field(default=())
    stuck: dict[str, str] = field(default_factory=dict, compare=False)
    """Which loops do not get on now, and why: supervision writes it, /readyz tells it."""
