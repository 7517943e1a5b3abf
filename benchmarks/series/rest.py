"""POST /v1/referrals: referrals created over HTTP by 1, 32 and 128 clients."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.system.trio import Replica

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
            "Some are there before, and analyzed: while tables are empty a plan reads them from end to end.",
        ],
    )


SOME, FILL_SECONDS = 32, 1.0
"""Who posts, and how long, before anything is measured."""


@asynccontextmanager
async def _posting(servers: Servers) -> AsyncGenerator[Measure]:
    servers.kafka()
    await fresh.template(servers, "intake")

    async def measure(load: Load) -> Sample:
        async with fresh.on_servers(servers, "intake") as replica:
            await clinic.register(replica.url, channels=["fax"])
            await _post(replica, Load(SOME, FILL_SECONDS))
            await fresh.analyze(replica.environment["INTAKE_DATABASE_URL"])
            return Sample(**json.loads(await _post(replica, load)))

    yield measure


async def _post(replica: Replica, load: Load) -> bytes:
    return await output_of(module("benchmarks.load.rest", replica.port, load.width, load.seconds))
