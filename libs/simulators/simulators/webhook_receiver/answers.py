"""What the receiver answers to one webhook; values only."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Answer(BaseModel):
    """An HTTP answer; `delay` (seconds) passes before it is given."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    status: Annotated[int, Field(ge=200, le=599)] = 200
    delay: Annotated[float, Field(ge=0)] = 0
    #: Seconds, for 429 and 503.
    retry_after: int | None = None
    location: str | None = None

    def headers(self) -> dict[str, str]:
        """Give the headers that belong to this answer."""
        found = {"Retry-After": self.retry_after, "Location": self.location}
        return {name: str(value) for name, value in found.items() if value is not None}


def ok() -> Answer:
    """Take the webhook."""
    return Answer()


def status(code: int) -> Answer:
    """Answer with this status: 500 is broken, 410 means that nobody wants webhooks any more."""
    return Answer(status=code)


def too_many(retry_after: int) -> Answer:
    """Answer 429 and ask for a pause of so many seconds."""
    return Answer(status=429, retry_after=retry_after)


def slow(seconds: float) -> Answer:
    """Take the webhook, but late."""
    return Answer(delay=seconds)


def redirect(location: str) -> Answer:
    """Point elsewhere; a sender should not follow."""
    return Answer(status=307, location=location)
