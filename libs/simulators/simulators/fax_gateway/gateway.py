"""The gateway as one value: accepts faxes, takes inbound ones, can be disturbed and reset."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simulators.fax_gateway.archive import Archive
from simulators.fax_gateway.behaviour import Step
from simulators.fax_gateway.calls import Calls, Timing
from simulators.fax_gateway.documents import Document, convert
from simulators.fax_gateway.exchange import Exchange
from simulators.fax_gateway.fax import Fax, new_id
from simulators.fax_gateway.request import SendRequest, Upload


@dataclass(frozen=True, slots=True)
class Account:
    """Who may call: the project in the path, and the Basic credentials."""

    project_id: str = "simulated-project"
    key_id: str = "simulated-key"
    key_secret: str = "simulated-secret"  # noqa: S105 - opens nothing but this simulator


class Gateway:
    """A fax gateway in a folder; `base_url` is set while it listens."""

    def __init__(self, folder: Path, account: Account, timing: Timing) -> None:
        self.account = account
        self.archive = Archive(folder)
        self.exchange = Exchange()
        self.calls = Calls(self.exchange, self.archive, timing, account.project_id)
        self.base_url = ""

    @property
    def faxes(self) -> list[Fax]:
        """Every fax since the start or the last reset, the newest first."""
        return self.exchange.newest_first()

    async def send(
        self, request: SendRequest, uploads: list[Upload], steps: list[Step]
    ) -> list[Fax]:
        """Accept one fax for each destination and start its call."""
        document = await asyncio.to_thread(convert, uploads)
        faxes = [self._keep(to, request, document) for to in request.to]
        for fax, step in zip(faxes, steps, strict=True):
            self.calls.place(fax, step)
        return faxes

    async def receive(self, request: SendRequest, uploads: list[Upload]) -> Fax:
        """Take an inbound fax, as if a machine had called us, and announce it."""
        document = await asyncio.to_thread(convert, uploads)
        fax = self._keep(request.to[0], request, document, direction="INBOUND")
        self.calls.announce(fax)
        return fax

    def set_behaviour(self, number: str, suffix: str) -> None:
        """Let a number behave as the suffix says from now on; KeyError if there is no such row."""
        self.exchange.set_behaviour(number, suffix)

    async def reset(self) -> None:
        """Hang up, delete the kept files and become as new."""
        try:
            await self.calls.stop()
        finally:
            for fax in self.faxes:
                self.archive.forget(fax)
            self.exchange.forget()

    def _keep(
        self, to: str, request: SendRequest, document: Document, direction: str = "OUTBOUND"
    ) -> Fax:
        fax = Fax(new_id(), to, request, document, datetime.now(UTC), direction)
        self.archive.keep(fax)
        self.exchange.faxes[fax.id] = fax
        return fax
