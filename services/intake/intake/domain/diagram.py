"""The tables as pictures: Mermaid state diagrams that cannot differ from the code."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TypeVar

from intake.domain.prior_authorization import FIRST_STATES, PA_NEXT
from intake.domain.referral import NEXT, Status

State = TypeVar("State", bound=StrEnum)


def referral() -> str:
    """Return the referral's allowed moves as Mermaid."""
    return _diagram(frozenset({Status.RECEIVED}), NEXT)


def prior_authorization() -> str:
    """Return the prior authorization's allowed moves as Mermaid."""
    return _diagram(FIRST_STATES, PA_NEXT)


def _diagram(first: AbstractSet[State], table: Mapping[State, AbstractSet[State]]) -> str:
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state}" for state in sorted(first)]
    for state, following in table.items():
        lines += [f"    {state} --> {after}" for after in sorted(following)]
        if not following:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"
