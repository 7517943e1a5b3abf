"""What a stand-in does next: some steps in order, then one for ever; changeable at any time."""

from collections import deque
from typing import Generic, TypeVar

StepT = TypeVar("StepT")


class Script(Generic[StepT]):
    """Steps, each taken once, and the step that is taken when they are used up."""

    def __init__(self, then: StepT) -> None:
        self.then = then
        self.steps: deque[StepT] = deque()

    def follow(self, *steps: StepT, then: StepT) -> None:
        """Replace the whole script."""
        self.steps = deque(steps)
        self.then = then

    def peek(self) -> StepT:
        """Look at the next step without taking it."""
        return self.steps[0] if self.steps else self.then

    def take(self) -> StepT:
        """Take the next step."""
        return self.steps.popleft() if self.steps else self.then
