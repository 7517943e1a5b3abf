"""The base of every request body: a field that nobody knows is refused by its name, never lost."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from common.field_words import rule

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL in a text."""

SURROGATE = re.compile("[\ud800-\udfff]")

STRICT = ConfigDict(extra="forbid", frozen=True)


class Strict(BaseModel):
    """A request body, or a part of one. Named last among bases, so that its strictness wins."""

    model_config = STRICT

    @field_validator("*")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """Refuse half a surrogate pair: JSON may hold it, no answer and no database can."""
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not text.isascii() and SURROGATE.search(text):
                raise rule("must be text in Unicode")
        return value
