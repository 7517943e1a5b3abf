"""Keeps workers alive: a loop that raises is started again, later each time; and ends them in time."""

import asyncio
import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import structlog

from common import metrics, tracing
from common.backoff import exponential
from common.errors import Halted, Misconfigured, Retry
from common.service import Service
from common.verdicts import is_outage
from common.worker import Worker

log = structlog.get_logger()

LONGEST = timedelta(seconds=30)
"""The longest wait after a fault of our own."""

LONGEST_OUTAGE = timedelta(seconds=3)
"""The longest wait for the log or the database, whose return nobody tells us."""

CALM_SECONDS = 60.0
"""A worker that ran so long before it failed is started again soon, as if for the first time."""

STUCK_FAILURES = 3
"""After so many in a row a worker counts as stuck; one that halted on purpose at once."""

STEADY_SECONDS = 10.0
"""A worker that was stuck and has run so long since gets on again."""


def start(service: Service, worker: Worker) -> asyncio.Task[None]:
    """Start a worker of a service as a task that carries both names."""
    name = f"{service.name}:{worker.name}"
    return asyncio.create_task(_supervised(service, worker), name=name)


async def _supervised(service: Service, worker: Worker) -> None:
    """Run a worker again, later each time, whenever it raises; a restart is counted and logged."""
    tracing.serve(service.name)
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        steady = loop.call_later(STEADY_SECONDS, _gets_on, service, worker)
        try:
            await worker.run()
        except asyncio.CancelledError as error:
            if _is_told_to_end():
                raise
            caught: BaseException = error
        except Exception as error:  # noqa: BLE001 - the outermost loop: told, counted, tried again
            caught = error
        else:
            return
        finally:
            steady.cancel()
        failures = 1 if loop.time() - began > CALM_SECONDS else failures + 1
        cap, jitter = _longest_wait(caught), random.random()  # noqa: S311 - no secret
        wait = exponential(failures, cap=cap, jitter=jitter).total_seconds()
        metrics.worker_restarts.labels(service.name, worker.name).inc()
        if failures >= STUCK_FAILURES or isinstance(caught, Halted):
            _is_stuck(service, worker, caught)
        told = {"service": service.name, "worker": worker.name, "attempts": failures}
        log.warning("worker_failed", seconds=round(wait, 3), exc_info=caught, **told)
        await asyncio.sleep(wait)


def _is_stuck(service: Service, worker: Worker, error: BaseException) -> None:
    """Note why; the text of an error that is not ours may hold anything."""
    why = type(error).__name__
    ours = isinstance(error, Halted | Retry | Misconfigured)
    service.stuck[worker.name] = f"{why}: {error}" if ours else why
    metrics.worker_stuck.labels(service.name, worker.name).set(1)


def _gets_on(service: Service, worker: Worker) -> None:
    if service.stuck.pop(worker.name, None) is not None:
        log.info("worker_gets_on", service=service.name, worker=worker.name)
        metrics.worker_stuck.labels(service.name, worker.name).set(0)


def _longest_wait(error: BaseException) -> timedelta:
    away = isinstance(error, Retry) or (isinstance(error, Exception) and is_outage(error))
    return LONGEST_OUTAGE if away else LONGEST


def _is_told_to_end() -> bool:
    """Tell our own cancelling from a cancelled thing that a worker waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def cancel(tasks: Collection[asyncio.Task[Any]], *, seconds: float) -> bool:
    """Cancel tasks, give them time to end, and return whether any is still there."""
    for task in tasks:
        task.cancel()
    _, stuck = await asyncio.wait(tasks, timeout=seconds) if tasks else (None, ())
    for task in stuck:
        log.error("task_stuck", worker=task.get_name())
    return bool(stuck)
