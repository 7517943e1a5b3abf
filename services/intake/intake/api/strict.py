"""The base of every request body: a field that nobody knows is refused by its name, never lost."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, field_validator

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL in a text."""

SURROGATE = re.compile("[\ud800-\udfff]")

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
    """A request body, or a part of one. Named last among bases, so that its strictness wins."""

    model_config = STRICT

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """Refuse half a surrogate pair: JSON may hold it, no answer and no database can."""
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not text.isascii() and SURROGATE.search(text):
                raise ValueError("must be text in Unicode")
        return value
