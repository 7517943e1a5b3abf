"""A point in time as callers of the APIs give it."""

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from common.field_words import rule

EARLIEST_YEAR, LATEST_YEAR = 1900, 2999


def _plausible(moment: AwareDatetime) -> AwareDatetime:
    """Refuse a time that would leave the calendar when it is turned into UTC."""
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise rule(
            "must lie between the years {first} and {last}", first=EARLIEST_YEAR, last=LATEST_YEAR
        )
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A point in time with its zone, as requests give it."""
