"""What the API answers: ids, codes and times."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """A value that comes from a row."""

    model_config = ConfigDict(from_attributes=True)


class LinkOut(Answer):
    """One link to a clinic's EMR and what waits on it."""

    id: str = Field(examples=["north-clinic/epic"])
    clinic_id: str
    sending_application: str = Field(description="MSH-3 by which its messages are recognised")
    sending_facility: str = Field(description="MSH-4")
    host: str | None
    port: int | None
    state: Literal["up", "down", "inbound_only", "removed"]
    down_since: AwareDatetime | None
    last_error: str | None
    circuit: Literal["closed", "open", "held"] = Field(
        description="`open`: refused for its configuration too often in a row; `held`: strict order, "
        "and a message is parked"
    )
    next_attempt_at: AwareDatetime | None = Field(description="Left alone until then")
    answered_at: AwareDatetime | None = Field(description="When the EMR answered last")
    last_answer: str | None = Field(description="In codes", examples=["AA", "AR 200"])
    depth: int = Field(description="Messages that wait to be sent")
    committed: int = Field(
        description="Messages taken over (CA) whose application has yet to answer"
    )
    parked: int = Field(description="Messages that were refused and wait for a person")
    oldest: AwareDatetime | None = Field(description="When the oldest of them was asked for")


class Links(BaseModel):
    """All links."""

    items: list[LinkOut]
