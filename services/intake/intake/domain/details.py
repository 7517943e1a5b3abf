"""What people said and did around a referral: all of it is people's data and is kept sealed."""

from common.events.envelope import Fact
from common.events.submission import Submission


class Details(Fact):
    """The submission as it is known now, what is being asked, and how a parcel is followed."""

    submission: Submission
    questions: tuple[str, ...] = ()
    tracking_number: str | None = None
