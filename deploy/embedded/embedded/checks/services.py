"""Each service: does it answer, is it ready, is its clock right, does anything lie about."""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from common.clock import utc_now
from embedded.checks.finding import Finding
from embedded.cli.client import Api

PATIENCE_SECONDS = 10.0
SKEW_SECONDS = 5.0
OLD_SECONDS = 60.0


def look(api: Api) -> Iterator[Finding]:
    """Look at one service from outside; stop at the first thing that hides the others."""
    name = api.service
    try:
        answer = api.ask("GET", "/readyz", timeout=PATIENCE_SECONDS)
        page = api.ask("GET", "/metrics", timeout=PATIENCE_SECONDS)
    except httpx2.TransportError as error:
        told = f"{api.base} does not answer ({type(error).__name__})"
        yield Finding(name, "answers", told, "start it, or say where it is with --url or _URL")
        return
    yield Finding(name, "answers", api.base)
    yield from _readiness(name, answer)
    yield _clock(name, answer.headers.get("date"), now=utc_now())
    yield from _waiting(name, page.text)


def _readiness(name: str, answer: httpx2.Response) -> Iterator[Finding]:
    for check, told in answer.json()["checks"].items():
        todo = "" if told == "ok" else f"see to the {check.replace('_', ' ')} of {name}"
        yield Finding(name, check.replace("_", " "), told, todo)
    for worker, why in answer.json().get("stuck", {}).items():
        todo = "its work waits: see DeadLetterStorm and WorkerFailing in the guide to operation"
        yield Finding(name, f"the worker {worker}", why, todo)


def _clock(name: str, date: str | None, *, now: datetime) -> Finding:
    skew = (now - parsedate_to_datetime(date)).total_seconds() if date else 0.0
    if abs(skew) > SKEW_SECONDS:
        told = f"differs from this machine's by {skew:.0f} s"
        return Finding(name, "clock", told, "synchronise both by NTP: promises are times")
    return Finding(name, "clock", "agrees with this machine's")


def _waiting(name: str, page: str) -> Iterator[Finding]:
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    letters = int(told.get(("referral_dead_letters_waiting", name), 0))
    todo = f"referral-loop dead-letters list --service {name}" if letters else ""
    yield Finding(name, "dead letters", f"{letters} wait", todo)
    oldest = told.get(("referral_outbox_oldest_seconds", name), 0.0)
    todo = "look at the event log, and at the relay in the log" if oldest > OLD_SECONDS else ""
    waits = f"the oldest event has waited for {oldest:.0f} s" if oldest else "nothing waits"
    yield Finding(name, "outbox", waits, todo)
