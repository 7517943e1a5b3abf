"""What is told of messages that we send, and what people say when they decide about one."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from emr_bridge.api.schemas import Answer
from emr_bridge.domain.outgoing import OutState

Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1000, strip_whitespace=True, pattern=r"^[^\x00]*$"),
]


class Why(BaseModel):
    """Why somebody decides so: kept, sealed, in the audit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason


class Edited(Why):
    """A message as somebody edited it."""

    message: str = Field(
        min_length=1,
        max_length=30_000_000,
        description="The whole message, a segment per line. MSH keeps what it says; MSH-10 is made anew.",
    )


class OutboundOut(Answer):
    """One message to an EMR, without its content."""

    id: UUID
    delivery_id: UUID = Field(description="The delivery of notifications that it belongs to")
    part: str = Field(description="`report`, whose fate is the delivery's, or `appointment`")
    referral_id: UUID
    clinic_id: str
    link_id: str | None
    notice: str
    message_type: str | None = Field(description="MSH-9, once it was built", examples=["RRI^I12"])
    control_id: str | None = Field(description="MSH-10, once it was built")
    revision: int = Field(description="How often somebody edited it")
    state: OutState
    withdrawn: bool = Field(description="The clinic has it by another way: it is not sent again")
    last_code: str | None = Field(
        description="The last answer in codes, or why there was none", examples=["AE 101"]
    )
    attempts: int
    overtaken: bool = Field(description="The EMR has a newer message of the same referral")
    created_at: AwareDatetime
    replayed_at: AwareDatetime | None
    next_attempt_at: AwareDatetime
    ended_at: AwareDatetime | None = Field(description="When it ended, or was parked")


class TriedOut(Answer):
    """One attempt."""

    number: int
    verdict: str | None = Field(description="None while it runs, or when the process died in it")
    started_at: AwareDatetime
    ended_at: AwareDatetime | None


class RevisionOut(Answer):
    """What a message was before somebody edited it."""

    number: int
    control_id: str
    replaced_at: AwareDatetime
    replaced_by: str


class OutboundDetail(OutboundOut):
    """One message with its history."""

    tried: list[TriedOut]
    revisions: list[RevisionOut]


class OutboundMessages(BaseModel):
    """A page of messages, newest first."""

    items: list[OutboundOut]
    next: UUID | None = Field(description="Pass as `cursor` for the next page")
