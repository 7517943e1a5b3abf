"""How a clinic's EMR is recognised and reached."""

from dataclasses import dataclass

from common.events.clinic import Hl7Dialect, sender_key

USUAL = Hl7Dialect()
"""How most EMRs speak."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of one clinic; `id` is unique among all clinics'."""

    id: str
    clinic_id: str
    sending_application: str
    sending_facility: str
    charset: str = "utf-8"
    host: str | None = None
    port: int | None = None
    receiving_application: str | None = None
    receiving_facility: str | None = None
    dialect: Hl7Dialect = USUAL
    time_zone: str = "UTC"
    """The clinic's (IANA)."""

    @property
    def sender_key(self) -> str:
        """By what a message's sender is found."""
        return sender_key(self.sending_application, self.sending_facility)

    @property
    def is_guarded(self) -> bool:
        """Tell whether who speaks for it must show a certificate, or come from certain addresses."""
        return bool(self.dialect.client_certificate or self.dialect.allowed_addresses)


def link_id(clinic_id: str, name: str) -> str:
    """Return a link's id: clinics name their links themselves, so the clinic is part of it."""
    return f"{clinic_id}/{name}"
