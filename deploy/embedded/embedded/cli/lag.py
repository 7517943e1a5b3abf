"""`referral-loop lag`: how far each service is behind its topics."""

import asyncio

from embedded.cli import existing
from embedded.cli.options import AsJson
from embedded.cli.output import show_rows


def lag(as_json: AsJson = False) -> None:
    """Print for each group and topic how many records it has not handled yet."""
    rows = asyncio.run(_lag())
    show_rows("Lag", ("group", "topic", "records"), rows, as_json=as_json)


async def _lag() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    async with existing.beside_its_log() as system:
        for service in system.services:
            behind = await service.runtime.log.lag(service.topics, group=service.name)
            rows += [
                {"group": service.name, "topic": topic, "records": count}
                for topic, count in behind.items()
            ]
    return rows
