"""Clinics that send, over MLLP and REST, and send again until they are answered."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
from tests.system.referrals import referral
from tests.system.world import System

from simulators.emr import EmrClient, NoAnswerError
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered

KINDS = ("REF^I12", "ORM^O01", "OMP^O09", "RDE^O11")
LATER = frozenset({409, 500, 503})
"""Answers after which a client sends the same again."""


@dataclass
class Traffic:
    """What the clinics sent and were told."""

    pause: float = 0.03
    acknowledged: list[str] = field(default_factory=list)
    created: dict[str, set[str]] = field(default_factory=dict)
    repeats: int = 0
    ended: bool = False

    @contextlib.asynccontextmanager
    async def running(self, system: System) -> AsyncGenerator[None]:
        """Send while the block runs; afterwards everything that was begun is answered."""
        senders = [
            asyncio.create_task(self._send_messages(system)),
            asyncio.create_task(self._post_referrals(system)),
        ]
        try:
            yield
            self.ended = True
            async with asyncio.timeout(40):
                await asyncio.gather(*senders)
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.wait(senders)

    async def _send_messages(self, system: System) -> None:
        """Send HL7 messages one after the other; what got no answer is sent again, the same bytes."""
        number = 0
        while not self.ended:
            number += 1
            control_id = f"PLUG{number}"
            envelope = Envelope(control_id=control_id, sent_at=datetime.now(UTC))
            message = BUILDERS[KINDS[number % len(KINDS)]](numbered(number), envelope)
            await self._until_acknowledged(system, message, b"MSA|AA|" + control_id.encode())
            self.acknowledged.append(control_id)
            await asyncio.sleep(self.pause)

    async def _until_acknowledged(self, system: System, message: bytes, wanted: bytes) -> None:
        while True:
            with contextlib.suppress(OSError, NoAnswerError, asyncio.IncompleteReadError):
                async with EmrClient("127.0.0.1", system.mllp_port, timeout=5) as emr:
                    if wanted in await emr.send(message):
                        return
            self.repeats += 1
            await asyncio.sleep(0.1)

    async def _post_referrals(self, system: System) -> None:
        """Post referrals, each under one key; what got no answer is posted again."""
        number = 100_000
        while not self.ended:
            number += 1
            clinic = ("zz-fax", "zz-hook")[number % 2]
            await self._until_created(system, f"plug-{number}", referral(clinic, number))
            await asyncio.sleep(self.pause)

    async def _until_created(self, system: System, key: str, body: dict[str, object]) -> None:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                answer = await system.call(
                    "POST", "/intake/v1/referrals", json=body, headers={"Idempotency-Key": key}
                )
                if answer.status_code == 201:
                    self.created.setdefault(key, set()).add(answer.json()["id"])
                    return
                assert answer.status_code in LATER, answer.text
            self.repeats += 1
            await asyncio.sleep(0.1)
