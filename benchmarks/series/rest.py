"""POST /v1/referrals: referrals created over HTTP by 1, 32 and 128 clients."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.harness.aim import Aim, Cell
from benchmarks.harness.contender import Contender, Load, Measure, Sample
from benchmarks.harness.process import module, output_of
from benchmarks.harness.series import Series
from benchmarks.harness.servers import Servers
from benchmarks.ours import clinic, fresh
from benchmarks.series.mllp import RAW, raw_loop

OURS = "POST /v1/referrals, PostgreSQL + Kafka"


def series(servers: Servers) -> Series:
    """Return the service beside the raw loop."""
    return Series(
        name="rest",
        title="REST: a complete referral created, with its Idempotency-Key",
        unit="referrals",
        width="clients",
        contenders=[
            raw_loop(servers, (1, 32)),
            Contender(OURS, (1, 32, 128), lambda: _posting(servers)),
        ],
        aims=[
            Aim("REST", Cell(OURS, 32), 0.6, Cell(RAW, 32)),
            Aim("REST", Cell(OURS, 1), 0.6, Cell(RAW, 1)),
        ],
        notes=[
            "`python -m intake`, one process, its relay running.",
            "A referral is a dozen rows: findings, timeline, numbers, the kept answer; the loop's is two.",
        ],
    )


@asynccontextmanager
async def _posting(servers: Servers) -> AsyncGenerator[Measure]:
    servers.kafka()
    await fresh.template(servers, "intake")

    async def measure(load: Load) -> Sample:
        async with fresh.on_servers(servers, "intake") as replica:
            await clinic.register(replica.url, channels=["fax"])
            command = module("benchmarks.load.rest", replica.port, load.width, load.seconds)
            return Sample(**json.loads(await output_of(command)))

    yield measure
