"""The table of what each clinic was told: by which channels, after how many attempts, in what time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table

from embedded.demo.desk import Desk

Row = Mapping[str, Any]

PAGE = 200
MARKS = {
    "confirmed": "[green]✓[/green]",
    "failed": "[red]✗[/red]",
    "withdrawn": "[dim]-[/dim]",
}
FATES = {
    "kept": "[green]kept[/green]",
    "broken": "[red]BROKEN[/red]",
    "at_risk": "[yellow]at risk[/yellow]",
    "open": "running",
}


@dataclass(frozen=True, slots=True)
class Update:
    """One notice, with all that was done to get it to the clinic."""

    notice: Row
    title: str
    deliveries: tuple[Row, ...]
    promise: Row | None

    @property
    def confirmed_at(self) -> datetime | None:
        """When the clinic had it."""
        found = self.notice["confirmed_at"]
        return datetime.fromisoformat(found) if found else None

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come: told, or replaced by a newer notice, and no clock runs."""
        decided = self.promise is None or self.promise["state"] in {"kept", "broken"}
        return decided and bool(self.notice["confirmed_at"] or self.notice["superseded_by"])

    @property
    def taken(self) -> timedelta | None:
        """How long it took from the event to the confirmation, in the story's time."""
        since = datetime.fromisoformat(self.notice["happened_at"])
        return self.confirmed_at - since if self.confirmed_at else None


async def updates(desk: Desk) -> list[Update]:
    """Ask the system what it told whom, oldest first."""
    deliveries = await _all(desk, "/notifications/v1/deliveries")
    promises = {p["notice_id"]: p for p in await _all(desk, "/notifications/v1/promises")}
    by_notice: dict[str, list[Row]] = {}
    for delivery in reversed(deliveries):
        by_notice.setdefault(delivery["notice_id"], []).append(delivery)
    found = []
    for notice_id, rows in by_notice.items():
        notice = await desk.read(f"/notifications/v1/notices/{notice_id}")
        content = await desk.read(f"/notifications/v1/notices/{notice_id}/content", by="demo:board")
        told = promises.get(notice_id)
        found.append(Update(notice, content["title"], tuple(rows), told))
    return sorted(found, key=lambda update: update.notice["happened_at"])


async def _all(desk: Desk, path: str) -> list[Row]:
    rows: list[Row] = []
    cursor = ""
    while True:
        page = await desk.read(f"{path}?limit={PAGE}{cursor}")
        rows += page["items"]
        if not page["next"]:
            return rows
        cursor = f"&cursor={page['next']}"


def table(rows: Iterable[Update], *, now: datetime) -> Table:
    """Return the table for a terminal."""
    drawn = Table(
        title=f"What the clinics were told (story time {now:%H:%M} UTC)", title_justify="left"
    )
    for column in ("clinic", "ref", "update", "way", "tries", "told after", "promise"):
        drawn.add_column(column, overflow="fold")
    for update in sorted(rows, key=lambda u: (u.notice["clinic_id"], u.notice["happened_at"])):
        drawn.add_row(*_cells(update))
    return drawn


def _cells(update: Update) -> tuple[str, ...]:
    way = " → ".join(f"{d['channel']} {MARKS.get(d['state'], '…')}" for d in update.deliveries)
    attempts = str(sum(d["attempts"] for d in update.deliveries))
    fate = FATES.get(update.promise["state"], "?") if update.promise else "[dim]none owed[/dim]"
    return (
        update.notice["clinic_id"],
        update.notice["referral_code"],
        update.title,
        way,
        attempts,
        _spoken(update.taken),
        fate,
    )


def _spoken(taken: timedelta | None) -> str:
    if taken is None:
        return ""
    minutes, seconds = divmod(int(taken.total_seconds()), 60)
    return f"{minutes} min {seconds:02} s"
