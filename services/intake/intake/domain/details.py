"""What people said and did around a referral: all of it is people's data and is kept sealed."""

from pydantic import Field

from common.events.envelope import Fact
from common.events.submission import Submission


class Details(Fact):
    """The submission as it is known now, what is being asked, and how a parcel is followed."""

    submission: Submission
    places: dict[str, str] = Field(
        default_factory=dict, description="Where in a message each value stood, by JSON pointer"
    )
    questions: tuple[str, ...] = ()
    tracking_number: str | None = None
