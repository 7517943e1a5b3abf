"""A clinic as notifications knows it: a copy of intake's facts, for addressing and clocks."""

from dataclasses import dataclass, field
from datetime import date, datetime

from common.events.clinic import (
    FaxNumber,
    Hl7Link,
    OpeningHours,
    PromiseKind,
    PromiseTerm,
)
from common.events.notification import ChannelName


def works_again(verified_on: date | None, since: datetime) -> bool:
    """Tell whether a fax number was verified on a later day than it proved to be wrong."""
    return verified_on is not None and verified_on > since.date()


@dataclass(frozen=True, slots=True)
class Clinic:
    """Where a clinic is, when it is open, how it wants to be told and what it was promised."""

    id: str
    version: int
    name: str
    time_zone: str = "UTC"
    opening_hours: tuple[OpeningHours, ...] = ()
    holidays: tuple[date, ...] = ()
    channels: tuple[ChannelName, ...] = ()
    fax_numbers: tuple[FaxNumber, ...] = ()
    quarantined_numbers: frozenset[str] = frozenset()
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    webhook_disabled: bool = False
    hl7_links: tuple[Hl7Link, ...] = ()
    promises: dict[PromiseKind, PromiseTerm] = field(default_factory=dict)
    baa_signed_on: date | None = None

    @property
    def fax_number(self) -> str | None:
        """The first verified number that has not proved to be wrong; no other is ever sent to."""
        usable = (fax.number for fax in self.fax_numbers if fax.verified_on)
        return next((number for number in usable if number not in self.quarantined_numbers), None)

    @property
    def wrong_numbers(self) -> frozenset[str]:
        """Its fax numbers that proved to be wrong and were not verified since."""
        return self.quarantined_numbers & {fax.number for fax in self.fax_numbers}

    @property
    def gone_endpoints(self) -> frozenset[str]:
        """Its webhook endpoint, where that told us to stop."""
        gone = self.webhook_url if self.webhook_disabled else None
        return frozenset({gone} if gone else ())
