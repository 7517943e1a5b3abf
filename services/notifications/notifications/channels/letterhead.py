"""A notice as the page that a clinic gets by fax, under the pharmacy's own head."""

from dataclasses import dataclass
from datetime import datetime

from notifications.channels.fax.page import FaxDocument, render
from notifications.domain.parcel import Parcel


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who a fax comes from, as it stands on the page; numbers are E.164."""

    name: str
    phone: str
    reply_fax: str | None = None

    def header(self, code: str) -> str:
        """Return the line that the gateway prints on each page: nobody's data."""
        return f"{self.name} Ref {code}"


def page_of(parcel: Parcel, letterhead: Letterhead, *, now: datetime) -> FaxDocument:
    """Lay a notice out as the page that would be faxed at this moment. Raises Unprintable."""
    return render(
        parcel.letter.notice,
        to_number=parcel.destination,
        from_name=letterhead.name,
        from_phone=letterhead.phone,
        sent_at=now,
        time_zone=parcel.time_zone,
        reply_fax=letterhead.reply_fax,
    )
