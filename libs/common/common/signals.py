"""A wake-up for loops in the same process; losing one costs a poll interval, never a fact."""

import asyncio


class Signal:
    """Wakes everyone who waits at the moment of `notify`."""

    def __init__(self) -> None:
        """Start with nobody woken."""
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait until woken or until the time is over; return whether woken."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
