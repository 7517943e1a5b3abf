"""An independent audit: reads the databases, the log and what the stand-ins got, by plain SQL.

Knows none of our code, so that a fault in it cannot hide itself.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Books:
    """The files of an embedded system that stands still or runs."""

    folder: Path

    def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on one service's file."""
        connection = sqlite3.connect(f"file:{self.folder / service}.db?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def count(self, service: str, query: str) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(service, query)[0][0])

    def events(self) -> list[dict[str, Any]]:
        """Return every record of the log."""
        found = self.rows("events", 'SELECT value FROM records ORDER BY "offset"')
        return [json.loads(value) for (value,) in found]

    def is_quiet(self) -> bool:
        """Return whether nothing is under way in any service."""
        waiting = sum(
            self.count(service, "SELECT count(*) FROM outbox")
            for service in ("intake", "emr-bridge", "notifications")
        )
        waiting += self.count("emr-bridge", "SELECT count(*) FROM messages WHERE state='received'")
        waiting += self.count(
            "notifications",
            "SELECT count(*) FROM notices WHERE confirmed_at IS NULL AND superseded_by IS NULL",
        )
        return waiting == 0

    def unaccounted(self, control_ids: Iterable[str]) -> dict[str, str]:
        """Return every acknowledged message that is not exactly one referral, review or duplicate."""
        kept = Counter(c for (c,) in self.rows("emr-bridge", "SELECT control_id FROM messages"))
        ids = dict(self.rows("emr-bridge", "SELECT control_id, id FROM messages"))
        query = "SELECT source_message_id FROM referrals WHERE source_message_id IS NOT NULL"
        became = Counter(i for (i,) in self.rows("intake", query))
        query = "SELECT message_id FROM reviews WHERE referral_id IS NULL"
        became += Counter(i for (i,) in self.rows("intake", query))
        faults = {}
        for control_id in control_ids:
            if kept[control_id] != 1:
                faults[control_id] = f"kept {kept[control_id]} times"
            elif became[ids[control_id]] != 1:
                faults[control_id] = f"became {became[ids[control_id]]} things"
        return faults

    def confirmed_twice(self) -> list[str]:
        """Return the notices whose confirmation was told more than once (by distinct event)."""
        told = {
            (e["id"], e["data"]["notice_id"])
            for e in self.events()
            if e["type"] == "notification.delivered.v1"
        }
        counted = Counter(notice for _, notice in told)
        return [notice for notice, times in counted.items() if times > 1]

    def without_promise(self) -> int:
        """Return how many notices that owe a promise have none."""
        owing = "('referral_received','information_needed','prior_authorization_changed')"
        return self.count(
            "notifications",
            f"SELECT count(*) FROM notices n WHERE n.name IN {owing} "
            "AND NOT EXISTS (SELECT 1 FROM promises p WHERE p.notice_id = n.id)",
        )

    def published_but_unhandled(self) -> int:
        """Return how many referral events of the log notifications has not handled."""
        published = {e["id"] for e in self.events() if e["type"] == "referral.received.v1"}
        handled = {
            str(i).replace("-", "")
            for (i,) in self.rows("notifications", "SELECT event_id FROM inbox")
        }
        return len({i.replace("-", "") for i in published} - handled)
