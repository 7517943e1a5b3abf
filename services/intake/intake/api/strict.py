"""The base of every request body: a field that nobody knows is refused by its name, never lost."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL in a text."""

STRICT = ConfigDict(extra="forbid", frozen=True)


EARLIEST_YEAR, LATEST_YEAR = 1900, 2999


def _plausible(moment: AwareDatetime) -> AwareDatetime:
    """Refuse a time that would leave the calendar when it is turned into UTC."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"must lie between the years {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A point in time with its zone, as request bodies take it."""


class Strict(BaseModel):
    """A request body."""

    model_config = STRICT
