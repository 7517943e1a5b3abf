"""What notifications asks people to do, and which destinations it uses no more until they have."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from common.events.notification import ChannelName
from embedded.checks.finding import Finding
from embedded.cli.client import LARGEST_PAGE, Api
from notifications.api.schemas import Delivery, Task
from notifications.store.tasks import MOOT_WHEN_TOLD, TaskKind

ALL = 10_000
CLOSING = frozenset({TaskKind.ENDPOINT_GONE, TaskKind.BAD_NUMBER})
"""Tasks of a destination that is used no more."""


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A clinic's address that proved to be wrong or gone: since when, and the task that says so."""

    clinic_id: str
    channel: ChannelName
    destination: str
    since: datetime
    task_id: UUID


@dataclass(frozen=True, slots=True)
class Asked:
    """The open tasks, newest first, and the destinations that some of them are about."""

    tasks: Sequence[Task] = ()
    switched_off: Sequence[SwitchedOff] = ()

    def off_at(self, clinic_id: str) -> list[SwitchedOff]:
        """Return what was switched off of a clinic."""
        return [one for one in self.switched_off if one.clinic_id == clinic_id]

    def untold(self, clinic_id: str) -> int:
        """Return how many notices wait for a clinic because no channel is left."""
        waiting = (task for task in self.tasks if task.kind in MOOT_WHEN_TOLD)
        return len({task.notice_id for task in waiting if task.clinic_id == clinic_id})


def ask(api: Api) -> Asked:
    """Ask notifications for the open tasks, and for the destinations that they are about."""
    found = api.listed("/v1/tasks", {"state": "open"}, limit=ALL)
    tasks = [Task.model_validate(row) for row in found]
    return Asked(tasks, list(_switched_off(api, tasks)))


def look(asked: Asked) -> Finding:
    """Tell how many tasks are open, of which kinds, and since when."""
    tasks = asked.tasks
    if not tasks:
        return Finding("notifications", "tasks", "none is open")
    kinds = ", ".join(f"{n} {kind.value}" for kind, n in Counter(t.kind for t in tasks).items())
    many = f"{len(tasks)} open" if len(tasks) < ALL else f"{ALL} or more open"
    oldest = min(task.created_at for task in tasks)
    told = f"{many} ({kinds}), the oldest since {oldest:%Y-%m-%dT%H:%M:%SZ}"
    return Finding("notifications", "tasks", told, "referral-loop tasks list")


def _switched_off(api: Api, tasks: Sequence[Task]) -> Iterator[SwitchedOff]:
    for task in tasks:
        if task.kind not in CLOSING or task.delivery_id is None:
            continue
        first = Delivery.model_validate(api.get(f"/v1/deliveries/{task.delivery_id}"))
        since = _last_so(api, first)
        if first.destination is not None and since is not None:
            yield SwitchedOff(task.clinic_id, first.channel, first.destination, since, task.id)


def _last_so(api: Api, first: Delivery) -> datetime | None:
    """Return when the destination failed so the last time: of several times the task names the first."""
    where = {"clinic_id": first.clinic_id, "channel": first.channel, "state": "failed"}
    found = api.listed("/v1/deliveries", where, limit=LARGEST_PAGE)
    failed = [first, *(Delivery.model_validate(row) for row in found)]
    ends = [
        one.ended_at
        for one in failed
        if (one.destination, one.reason) == (first.destination, first.reason)
    ]
    return max(filter(None, ends), default=None)
