"""One run with canaries by every door, then everything that is kept, told or printed is looked through."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from tests.deploy.test_asyncapi import DOCUMENT, check
from tests.faults.conftest import World
from tests.production import canaries, kafka_tools
from tests.production.canaries import CANARY
from tests.system.audit import settled
from tests.system.books import READS, SERVICES, TOPICS
from tests.system.referrals import referral
from tests.system.traffic import Traffic
from tests.system.trio import DECLARED, Trio
from tests.system.whole import until

from simulators.emr import EmrClient
from simulators.emr.messages import Envelope, ref_i12
from simulators.emr.samples import numbered

LETTERS = [f"{topic}.dlq" for topic in TOPICS]
POISON = {"id": "zz", "type": "referral.received.v1", "data": {"name": f"{CANARY}POISON"}}


async def test_nobodys_name_is_to_be_found_and_every_record_is_as_the_document_says(world: World):
    """INVARIANT: people's data is readable with the sealing keys and not without them.

    A value that is logged, a field outside `sealed`, a column that is not sealed breaks it.
    """
    trio = world.trio
    traffic = Traffic(pause=0.1)
    async with traffic.running(trio):
        await odd_ones(trio)
        await decide(trio)
        await asyncio.sleep(2)
    assert await settled(trio.books)
    await poison(trio)

    found = await asyncio.to_thread(
        canaries.read_by_librdkafka,
        trio.ground.kafka.bootstrap,
        [trio.prefix + topic for topic in (*TOPICS, *LETTERS)],
    )
    ours = [record for record in found if not is_poison(record)]
    counted = Counter(record.topic().removeprefix(trio.prefix) for record in ours)
    print(f"\n{dict(counted)}, {len(found) - len(ours)} poison, read by librdkafka")
    assert set(counted) == set(TOPICS)
    for record in ours:
        is_as_documented(record, trio.prefix)
    assert not [canaries.shown(r)[:200] for r in ours if CANARY.encode() in canaries.shown(r)]

    strangers = {f"{service}.dead_letters" for service in SERVICES}  # the poison, byte for byte
    assert set(canaries.in_tables(trio.books)) == strangers
    assert CANARY not in trio.printed()
    for replica in trio.everyone:
        page = await trio.call("GET", f"/{replica.service}/metrics")
        assert page.is_success
        assert CANARY not in page.text


def is_poison(record: Any) -> bool:
    """Tell what was put there by hand, and its dead letters: bytes of strangers are kept as they are."""
    return f"{CANARY}POISON".encode() in record.value()


def is_as_documented(record: Any, prefix: str) -> None:
    """Raise unless channel, key, headers and value of a record are what the document says."""
    headers = {name: value.decode() for name, value in record.headers()}
    value, name = json.loads(record.value()), headers["ce_type"]
    assert name in DOCUMENT["channels"][record.topic().removeprefix(prefix)]["messages"]
    assert record.key().decode() == value["subject"]
    assert headers["ce_id"] == value["id"]
    check("headers", name, headers)
    check("payload", name, value)


async def odd_ones(trio: Trio) -> None:
    """Send what cannot be read, what has no clinic, and what is refused."""
    stranger = ref_i12(numbered(900), envelope("STRANGE1")).replace(b"ZZEMR", b"ZZNOBODY", 1)
    broken = b"MSH|^~\\&|ZZEMR|ZZCLINIC|||x||REF^I12|BROKEN1|P|2.5.1\rPID|ZZTESTBROKEN"
    nothing = b"MSH|^~\\&|ZZEMR|ZZCLINIC\rNTE|1||ZZTESTNOTHING"
    async with EmrClient("127.0.0.1", trio.mllp_port) as emr:
        for message in (stranger, broken, nothing):
            await emr.send(message)
    wrong = referral("zz-fax", 901) | {
        "patient": {"family_name": "ZZTESTX", "birth_date": "ZZTEST"}
    }
    refused = await trio.call("POST", "/intake/v1/referrals", json=wrong)
    assert refused.status_code == 422
    assert CANARY not in refused.text


def envelope(control_id: str) -> Envelope:
    return Envelope(control_id=control_id, sent_at=datetime(2026, 3, 2, tzinfo=UTC))


async def decide(trio: Trio) -> None:
    """Give commands with notes, papers and places."""
    made = await trio.call("POST", "/intake/v1/referrals", json=referral("zz-hook", 902))
    at = f"/intake/v1/referrals/{made.json()['id']}"
    files = {"file": ("ZZTEST.pdf", b"%PDF-1.4\nZZTESTPAPER", "application/pdf")}
    booked = {"kind": "delivery", "starts_at": "2030-03-02T15:00:00Z", "place": "ZZTESTPLACE 1"}
    for command, body in (
        ("documents", {"files": files}),
        ("accept", {"json": {"note": "ZZTESTNOTE"}}),
        ("schedule", {"json": booked | {"note": "ZZTESTNOTE"}}),
    ):
        answer = await trio.call("POST", f"{at}/{command}", **body)
        assert answer.is_success, answer.text


async def poison(trio: Trio) -> None:
    """Put a record of a stranger on a topic, and wait for its dead letters."""
    producer = AIOKafkaProducer(bootstrap_servers=trio.ground.kafka.bootstrap)
    await producer.start()
    value = json.dumps(POISON).encode()
    await producer.send_and_wait(f"{trio.prefix}referral.events", key=b"zz", value=value)
    await producer.send_and_wait(f"{trio.prefix}emr.events", key=b"zz", value=b"\xff " + value)
    await producer.stop()

    async def set_aside() -> bool:
        query = "SELECT count(*) FROM dead_letters"
        letters = [trio.books.count(s, query) for s in ("intake", "notifications")]
        waiting = sum(
            trio.books.count(s, "SELECT count(*) FROM outbox") for s in ("intake", "notifications")
        )
        return letters[0] >= 1 and letters[1] >= 2 and not waiting

    await until(set_aside)


async def test_our_commands_say_what_kafkas_own_tools_say(world: World):
    trio, kafka = world.trio, world.trio.ground.kafka
    (reader,) = trio.replicas["notifications"]
    traffic = Traffic(pause=0.05)
    async with traffic.running(trio):
        await asyncio.sleep(1)
        await reader.stop()
        await asyncio.sleep(2)
    await until(lambda: asyncio.to_thread(lambda: _is_published(trio)))

    ours = {(row["group"], row["topic"]): row["records"] for row in await told(trio, "lag")}
    ends = await asyncio.to_thread(kafka_tools.ends, kafka, trio.prefix)
    for group in SERVICES:
        behind = await asyncio.to_thread(kafka_tools.lag, kafka, trio.prefix + group)
        theirs: Counter[str] = Counter()
        for place, end in ends.items():
            theirs[place[0].removeprefix(trio.prefix)] += behind.get(place, end)
        assert {t: n for (g, t), n in ours.items() if g == group} == {
            t: theirs[t] for t in READS[group]
        }
    assert ours["notifications", "referral.events"] > 0
    print("\nlag, as both say:", {k: v for k, v in ours.items() if v})

    written: Counter[str] = Counter()
    for (topic, _), end in ends.items():
        written[topic.removeprefix(trio.prefix)] += end
    counted = Counter(record.topic for record in trio.books.records())
    assert +written == counted

    topics = {
        row["topic"]: row
        for row in await told(
            trio, "topics", "list", "--file", str(DECLARED), "--replication", "1", code=4
        )
    }
    for topic in ("clinic.events", "referral.events"):
        there = await asyncio.to_thread(kafka_tools.settings, kafka, trio.prefix + topic)
        declared = {name: str(value) for name, value in topics[topic]["config"].items()}
        assert declared.items() <= there.items()


def _is_published(trio: Trio) -> bool:
    return not sum(
        trio.books.count(s, "SELECT count(*) FROM outbox") for s in ("intake", "emr-bridge")
    )


async def told(trio: Trio, *words: str, code: int = 0) -> Any:
    """Run one of our commands as an operator does; return what it says."""
    environment: dict[str, str] = dict(os.environ)
    for service in trio.replicas:
        environment |= trio.environment_of(service)
    command = [sys.executable, "-m", "embedded", *words, "--json"]
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    done = await asyncio.to_thread(
        run, command, env=environment, cwd=trio.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)
