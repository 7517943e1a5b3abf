"""One fax as the gateway knows it, and its JSON (the `Fax` object of Sinch Fax API v3)."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from simulators.fax_gateway.behaviour import Ending
from simulators.fax_gateway.documents import Document
from simulators.fax_gateway.request import SendRequest

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PRICE_PER_PAGE = 0.045


class Status(StrEnum):
    """How far a fax has come; the last two are final."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILURE = "FAILURE"


@dataclass(slots=True)
class WebhookPost:
    """One HTTP call to a callback URL; `answer` is its status, 0 when there was none."""

    at: datetime
    claimed: str
    answer: int
    forged: bool = False


@dataclass(slots=True)
class Fax:
    """A fax to one number, or an inbound one from it."""

    id: str
    to: str
    request: SendRequest
    document: Document
    created: datetime
    direction: str = "OUTBOUND"
    status: Status = Status.QUEUED
    ending: Ending | None = None
    completed: datetime | None = None
    retry_count: int = 0
    has_file: bool = True
    webhooks: list[WebhookPost] = field(default_factory=list)

    def finish(self, ending: Ending, now: datetime) -> None:
        """Record how it ended; nothing moves after this."""
        self.status = Status.COMPLETED if ending.delivered else Status.FAILURE
        self.ending, self.completed = ending, now

    @property
    def pages_sent(self) -> int:
        """The pages that the far side confirmed; none before the end."""
        return self.ending.pages_sent(self.document.pages) if self.ending else 0

    def as_json(self, project_id: str) -> dict[str, Any]:
        """Show the fax as GET /faxes/{id} does."""
        request = self.request.model_dump(
            mode="json", by_alias=True, exclude={"to"}, exclude_none=True
        )
        return {
            **request,
            "id": self.id,
            "direction": self.direction,
            "to": self.to,
            "numberOfPages": self.document.pages,
            "status": self.status.value,
            "barCodes": [],
            "createTime": timestamp(self.created),
            "pagesSentSuccessfully": self.pages_sent,
            "retryCount": self.retry_count,
            "hasFile": self.has_file,
            "projectId": project_id,
            **self._end_as_json(),
        }

    def _end_as_json(self) -> dict[str, Any]:
        if self.ending is None or self.completed is None:
            return {}
        amount = f"{PRICE_PER_PAGE * self.pages_sent:.4f}"
        end: dict[str, Any] = {
            "completedTime": timestamp(self.completed),
            "price": {"amount": amount, "currencyCode": "USD"},
        }
        if not self.ending.delivered:
            end["errorType"] = self.ending.error_type
            end["errorCode"] = self.ending.error_code
            end["errorMessage"] = self.ending.message
        return end


def timestamp(moment: datetime) -> str:
    """Write a moment as the API does: RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """Make a fax id: a ULID, so ids sort by the time of their making."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
