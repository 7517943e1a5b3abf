"""The base of every request body: a field that nobody knows is refused by its name, never lost."""

from pydantic import BaseModel, ConfigDict

STRICT = ConfigDict(extra="forbid", frozen=True)


class Strict(BaseModel):
    """A request body."""

    model_config = STRICT
