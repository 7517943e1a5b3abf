"""What the service needs from a fax gateway: the port that the fax channel's adapters fill."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from common.errors import Retry


class FailureClass(StrEnum):
    """Why a fax failed, in words that no vendor owns; the retry rule keys on them."""

    BUSY = "busy"
    NO_ANSWER = "no_answer"
    NO_FAX_TONE = "no_fax_tone"
    LINE = "line"
    FAX_PROTOCOL = "fax_protocol"
    PROVIDER = "provider"
    PARTIAL = "partial"
    BAD_NUMBER = "bad_number"
    DOCUMENT = "document"
    ACCOUNT = "account"
    CANCELLED = "cancelled"
    OTHER = "other"


class FaxState(StrEnum):
    """Where a gateway is with a fax; delivered and failed are final."""

    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OutgoingFax:
    """A document to be faxed. `to` is E.164; `our_id` travels with it and finds it again.

    `header` is printed on top of each page by the gateway and holds no patient data.
    """

    our_id: UUID
    to: str
    pages_pdf: bytes
    page_count: int
    header: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """The gateway took the fax and named it; nothing has arrived yet."""

    gateway_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway did not take the fax: nothing was or will be sent."""

    failure: FailureClass
    code: str | None = None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """No usable answer: the fax may be on its way. Look it up before it is sent again."""

    code: str | None = None


@dataclass(frozen=True, slots=True)
class FaxStatus:
    """What the gateway says of one fax. `ended_at` is when its last call ended, by the gateway's clock."""

    gateway_id: str
    state: FaxState
    failure: FailureClass | None = None
    code: str | None = None
    pages_ok: int | None = None
    far_id: str | None = None
    ended_at: datetime | None = None


class GatewayUnavailable(Retry):
    """The gateway cannot be asked at this moment; the question may be put again later."""


class FaxGateway(Protocol):
    """A service that faxes pages for us."""

    async def submit(self, fax: OutgoingFax) -> Submitted | Refused | Unknown:
        """Hand over a fax. Never raises for the network: no usable answer is `Unknown`."""
        ...

    async def get(self, gateway_id: str) -> FaxStatus:
        """Read one fax by the gateway's id.

        Raises GatewayUnavailable when the gateway cannot be asked, or does not know the id.
        """
        ...

    async def find(self, our_id: UUID, *, to: str, since: datetime) -> FaxStatus | None:
        """Look for a fax by our id among those sent to `to` since then; None: it never took it.

        Raises GatewayUnavailable when the gateway cannot be asked.
        """
        ...

    async def forget(self, gateway_id: str) -> None:
        """Delete the pages at the gateway; that they are gone already is well.

        Raises GatewayUnavailable when they could not be deleted.
        """
        ...
