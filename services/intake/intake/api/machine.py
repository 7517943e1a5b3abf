"""The tables of allowed moves, for people and programs."""

from fastapi import APIRouter
from pydantic import BaseModel

from intake.api.refusals import LISTING
from intake.domain import diagram
from intake.domain.commands import FROM
from intake.domain.prior_authorization import FIRST_STATES, NEXT_ACTOR, PA_NEXT
from intake.domain.referral import NEXT

router = APIRouter(prefix="/v1/state-machine", tags=["state machine"], responses=LISTING)


class Machine(BaseModel):
    """States, the moves between them, and the same as a Mermaid diagram."""

    initial: list[str]
    moves: dict[str, list[str]]
    mermaid: str


class Machines(BaseModel):
    """Both tables; `commands`: in which statuses each is taken; `next_actor`: per authorization state."""

    referral: Machine
    commands: dict[str, list[str]]
    prior_authorization: Machine
    next_actor: dict[str, str]


@router.get("", summary="Read the allowed moves")
async def get() -> Machines:
    """Return the tables by which every command is judged."""
    return Machines(
        referral=Machine(
            initial=["received"],
            moves={state.value: sorted(after) for state, after in NEXT.items()},
            mermaid=diagram.referral(),
        ),
        commands={command.value: sorted(statuses) for command, statuses in FROM.items()},
        prior_authorization=Machine(
            initial=sorted(FIRST_STATES),
            moves={state.value: sorted(after) for state, after in PA_NEXT.items()},
            mermaid=diagram.prior_authorization(),
        ),
        next_actor={state.value: actor for state, actor in NEXT_ACTOR.items()},
    )
