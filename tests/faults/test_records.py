"""What may stand on the topics: records twice, in another order, and some that nobody can read."""

import itertools
import json
import random
import uuid
from collections import defaultdict
from dataclasses import replace

from aiokafka import AIOKafkaProducer
from tests.faults.balance import SEED, balance
from tests.faults.conftest import World
from tests.system.audit import settled
from tests.system.books import SERVICES, TOPICS, Place, read_topics
from tests.system.traffic import Traffic
from tests.system.whole import until

NO_EVENTS = [b"\xff\xfe not even text", b'{"no": "envelope"}']


async def test_repeats_another_order_and_poison_change_nothing(world: World):
    """INVARIANT: a reader relies on the order of one key, and on nothing else.

    Everything on the topics is copied to others, twice, its keys and topics in another order and with
    poison in between; the services go on from there. One of them has seen nothing of it, two all.
    """
    trio, chance = world.trio, random.Random(SEED)
    (late,) = trio.replicas["notifications"]
    await late.kill()
    traffic = Traffic(pause=0.05)
    async with traffic.running(trio):
        await until(lambda: _many(traffic), seconds=30)
    await until(lambda: _is_told(trio.books), seconds=30)
    await trio.stop()

    records = trio.books.records()
    assert records[-1].topic == "referral.events"
    poison = [replace(records[-1], value=value) for value in [*NO_EVENTS, broken(records[-1])]]
    again = shuffled([*records, *records], chance)
    known = next(n for n, record in enumerate(again, 1) if record.key == records[-1].key)
    for one in poison:
        again.insert(chance.randrange(known, len(again)), one)
    await trio.move_to("moved." + trio.prefix)
    await write(world, again)
    for replica in trio.everyone:
        await replica.start()
    assert await settled(trio.books)

    print(f"\n{len(records)} records, each once more, {len(poison)} of them poison")
    letters = {
        service: sorted(
            bytes(value) for (value,) in trio.books.rows(service, "SELECT value FROM dead_letters")
        )
        for service in SERVICES
    }
    assert letters == {
        "intake": [],
        "emr-bridge": sorted(NO_EVENTS),  # the third is of a kind that it does not read
        "notifications": sorted(one.value for one in poison),
    }
    told = await read_topics(trio.books.bootstrap, trio.prefix, ["referral.events.dlq"])
    assert sorted(place.value for place in told) == sorted(itertools.chain(*letters.values()))
    await balance(world, traffic, kills=4, but={"dead letters": 5})


def broken(record: Place) -> bytes:
    """Return an event of a kind that notifications alone reads, without what such an event has."""
    event = record.event
    assert event is not None
    kind = {"id": str(uuid.uuid4()), "type": "referral.scheduled.v1", "data": {}}
    return json.dumps(event | kind).encode()


async def _many(traffic: Traffic) -> bool:
    return len(traffic.acknowledged) >= 30 and len(traffic.created) >= 20


async def _is_told(books) -> bool:
    waiting = sum(books.count(s, "SELECT count(*) FROM outbox") for s in ("intake", "emr-bridge"))
    waiting += books.count("emr-bridge", "SELECT count(*) FROM unread")
    became = books.count("intake", "SELECT count(*) FROM referrals")
    became += books.count("intake", "SELECT count(*) FROM reviews WHERE referral_id IS NULL")
    sent = books.count("emr-bridge", "SELECT count(*) FROM messages")
    return not waiting and became >= sent


def shuffled(records: list[Place], chance: random.Random) -> list[Place]:
    """Return them in another order, in which each key of each topic keeps its own."""
    queues = defaultdict(list)
    for record in reversed(records):
        queues[record.topic, record.key].append(record)
    order = [(record.topic, record.key) for record in records]
    chance.shuffle(order)
    return [queues[place].pop() for place in order]


async def write(world: World, records: list[Place]) -> None:
    """Put records on the topics as any producer may."""
    producer = AIOKafkaProducer(bootstrap_servers=world.trio.ground.kafka.bootstrap)
    await producer.start()
    try:
        for record in records:
            assert record.topic in TOPICS
            topic, headers = world.trio.prefix + record.topic, list(record.headers)
            await producer.send(topic, key=record.key.encode(), value=record.value, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()
