"""The console channel, for development: a notice as text on standard output. Names nobody."""

from collections.abc import Callable
from dataclasses import dataclass

from notifications.domain.parcel import Parcel

Write = Callable[[str], object]


def page(parcel: Parcel) -> str:
    """Return a notice as a few lines, without the patient and without the words about them."""
    notice = parcel.letter.notice
    return (
        f"-- {notice.title} -- {notice.referral_code} -- {parcel.clinic_id}\n"
        f"   status {parcel.referral_status}, waiting on {parcel.waiting_on}\n"
    )


@dataclass(frozen=True, slots=True)
class Console:
    """Writes notices where a developer sees them."""

    write: Write

    def show(self, parcel: Parcel) -> None:
        """Write one notice."""
        self.write(page(parcel))
