"""A wake-up for loops in the same process; losing one costs a poll interval, never a fact."""

import asyncio


class Signal:
    """Wakes everyone who waits; `count` lets a loop see what came while it was not waiting."""

    def __init__(self) -> None:
        """Start with nobody woken."""
        self.count = 0
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait now."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_seconds: float, *, since: int | None = None) -> bool:
        """Wait until woken or until the time is over; return whether woken.

        `since` is the `count` from before the caller looked for work: what was signalled in
        between wakes at once.
        """
        if since is not None and since != self.count:
            return True
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
