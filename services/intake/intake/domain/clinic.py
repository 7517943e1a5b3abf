"""A clinic: how it is called, reached and kept informed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Literal
from zoneinfo import available_timezones

from common.errors import Conflict, FieldError, Invalid
from common.events.clinic import (
    ClinicChanged,
    FaxNumber,
    Hl7Link,
    OpeningHours,
    PromiseKind,
    PromiseTerm,
)
from common.events.people import ClinicCard, Contact

Channel = Literal["emr", "webhook", "fax", "console"]
COORDINATOR = "referral_coordinator"


@cache
def _time_zones() -> frozenset[str]:
    """Return every IANA name; asking the tz database each time would cost milliseconds per clinic."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """Everything known of a clinic; `contacts` are people and `webhook_secret` is a secret."""

    id: str
    name: str
    npi: str | None = None
    time_zone: str = "UTC"
    opening_hours: tuple[OpeningHours, ...] = ()
    holidays: tuple[date, ...] = ()
    fax_numbers: tuple[FaxNumber, ...] = ()
    contacts: tuple[Contact, ...] = ()
    channels: tuple[Channel, ...] = ()
    webhook_url: str | None = None
    webhook_secret: str | None = None
    hl7_links: tuple[Hl7Link, ...] = ()
    promises: Mapping[PromiseKind, PromiseTerm]
    baa_signed_on: date | None = None
    onboarded_on: date | None = None
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse a time zone that no clock knows, and opening hours that end before they begin."""
        if self.time_zone not in _time_zones():
            raise Invalid(
                "the time zone is not known",
                errors=[FieldError("/time_zone", "an IANA name such as America/Chicago")],
            )
        wrong = [
            FieldError(f"/opening_hours/{place}/closes", "is not after opens")
            for place, hours in enumerate(self.opening_hours)
            if hours.closes <= hours.opens
        ]
        if wrong:
            raise Invalid("opening hours end before they begin", errors=wrong)

    def succeeding(self, before: "Clinic | None") -> "Clinic":
        """Return this clinic as what follows `before`: the same version when nothing changed.

        A secret that is not given again for the same address is kept: it is never shown, so it
        cannot be sent back.
        """
        if before is None:
            return self
        kept = replace(self, version=before.version)
        if self.webhook_secret is None and self.webhook_url == before.webhook_url:
            kept = replace(kept, webhook_secret=before.webhook_secret)
        return kept if kept == before else replace(kept, version=before.version + 1)

    def refuse_senders_of_others(self, others: Mapping[str, str]) -> None:
        """Refuse a link whose sender (its key, and the clinic's id) is another clinic's.

        One clinic's patients would be filed under the other, and its updates sent there.
        """
        taken = [
            FieldError(f"/hl7_links/{place}", f"clinic {others[link.sender_key]} has this sender")
            for place, link in enumerate(self.hl7_links)
            if link.sender_key in others
        ]
        if taken:
            raise Conflict("an EMR can be recognised as one clinic only", errors=taken)

    def channels_without_means(self) -> Iterator[tuple[Channel, str]]:
        """Yield the channels that the clinic names and cannot be told by yet, and what each lacks.

        Not refused: a clinic is often set up in steps.
        """
        for channel in dict.fromkeys(self.channels):
            if lack := self._lack(channel):
                yield channel, lack

    def _lack(self, channel: Channel) -> str | None:
        if channel == "fax" and not any(fax.verified_on for fax in self.fax_numbers):
            return "no fax number with verified_on: none is ever sent to before"
        if channel == "emr" and not any(link.host for link in self.hl7_links):
            return "no HL7 link with a host to send to"
        if channel == "webhook" and self.webhook_url is None:
            return "no webhook with a URL"
        if channel == "webhook" and self.webhook_secret is None:
            return "no webhook secret to sign with"
        return None

    def coordinator(self) -> Contact | None:
        """Return whom to address when the sender is not known."""
        return coordinator_of(self.contacts)

    def changed(self, *, now: datetime) -> ClinicChanged:
        """Return the event that tells all of it but the people and the secret."""
        return ClinicChanged(
            occurred_at=now,
            clinic_id=self.id,
            version=self.version,
            name=self.name,
            npi=self.npi,
            time_zone=self.time_zone,
            opening_hours=self.opening_hours,
            holidays=self.holidays,
            channels=self.channels,
            fax_numbers=self.fax_numbers,
            webhook_url=self.webhook_url,
            hl7_links=self.hl7_links,
            promises=dict(self.promises),
            baa_signed_on=self.baa_signed_on,
            onboarded_on=self.onboarded_on,
        )

    def card(self) -> ClinicCard:
        """Return what travels sealed beside the event."""
        return ClinicCard(contacts=self.contacts, webhook_secret=self.webhook_secret)


def coordinator_of(contacts: Sequence[Contact]) -> Contact | None:
    """Return the coordinator among a clinic's people, else the first of them."""
    named = (contact for contact in contacts if contact.role == COORDINATOR)
    return next(named, contacts[0] if contacts else None)
