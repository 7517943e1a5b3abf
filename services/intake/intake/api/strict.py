"""The base of every request body: a field that nobody knows is refused by its name, never lost."""

from pydantic import BaseModel, ConfigDict

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL in a text."""

STRICT = ConfigDict(extra="forbid", frozen=True)


class Strict(BaseModel):
    """A request body."""

    model_config = STRICT
