"""Dead letters in the databases of all services, for the commands: found, told, and handled again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from common import deadletter
from common.service import Service
from common.verdicts import code_of
from embedded.cli import existing
from embedded.cli.events import withheld
from embedded.parts import SERVICES
from embedded.system import of_name

TRIED_IN_A_ROW = 5
"""So many failures in a row end a replay: the cause is still there."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which dead letters are meant; nothing chooses all."""

    ids: frozenset[UUID] = frozenset()
    service: str | None = None
    topic: str | None = None
    code: str | None = None

    def holds(self, service: str, letter: RowMapping) -> bool:
        """Return whether a letter is meant."""
        return (
            (not self.ids or letter["id"] in self.ids)
            and self.service in {None, service}
            and self.topic in {None, letter["topic"]}
            and self.code in {None, letter["code"]}
        )


async def listed(chosen: Chosen, *, whole: bool = False) -> list[Told]:
    """Return what waits and is meant, oldest first within a service; `whole` with its event."""
    rows: list[Told] = []
    wanted = {chosen.service} if chosen.service else set(SERVICES)
    async with existing.with_databases(wanted) as system:
        for service in of_name(system.services, chosen.service):
            async with service.runtime.db.read() as tx:
                letters = await deadletter.waiting(tx)
            meant = [letter for letter in letters if chosen.holds(service.name, letter)]
            rows += [_told(service.name, letter, whole=whole) for letter in meant]
    return rows


def _told(service: str, letter: RowMapping, *, whole: bool) -> Told:
    told: Told = {
        "id": str(letter["id"]),
        "service": service,
        "topic": letter["topic"],
        "partition": letter["partition"],
        "offset": letter["record_offset"],
        "key": letter["key"],
        "type": letter["headers"].get("ce_type"),
        "code": letter["code"],
        "attempts": letter["attempts"],
        "failed_at": letter["failed_at"].isoformat(),
    }
    return told | {"headers": letter["headers"], "event": _event(letter)} if whole else told


def _event(letter: RowMapping) -> Any:
    """Return the event, or why it cannot be shown: the bytes of a poison record may be anything."""
    try:
        return withheld(letter["value"])
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return f"({len(letter['value'])} bytes that are no event)"


async def replayed(rows: Sequence[Told], *, by: str, reason: str) -> list[Told]:
    """Handle each again, until several in a row fail; return what became of those that were tried."""
    results: list[Told] = []
    failed_in_a_row = 0
    async with existing.with_databases({row["service"] for row in rows}) as system:
        for row in rows:
            (service,) = of_name(system.services, row["service"])
            outcome = await _replay(service, UUID(row["id"]), by=by, reason=reason)
            results.append({"id": row["id"], "service": service.name, "outcome": outcome})
            failed_in_a_row = 0 if outcome == "replayed" else failed_in_a_row + 1
            if failed_in_a_row == TRIED_IN_A_ROW:
                break
    return results


async def _replay(service: Service, letter_id: UUID, *, by: str, reason: str) -> str:
    runtime = service.runtime
    now = runtime.clock()
    try:
        async with runtime.db.begin() as tx:
            handlers = service.handlers
            await deadletter.replay(tx, letter_id, handlers, by=by, reason=reason, now=now)
    except Exception as error:  # noqa: BLE001 - the cause is still there: told, and the letter waits on
        return code_of(error)
    return "replayed"
