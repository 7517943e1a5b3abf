"""The MLLP door through real sockets: framing, order, group commit, and AA only after the commit."""

import asyncio
import socket

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs
from tests.emr_bridge.builders import (
    RUNNING,
    connected,
    listening,
    messages_of,
    referral,
    verdict,
)

from emr_bridge.transports.framer import framed
from emr_bridge.transports.mllp import Limits

POISON = {
    "sqlite": (
        (
            "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.control_id = 'POISON' "
            "BEGIN SELECT RAISE(ABORT, 'poison'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'poison'; END $$"
        ),
        (
            "CREATE TRIGGER poison BEFORE INSERT ON messages FOR EACH ROW "
            "WHEN (NEW.control_id = 'POISON') EXECUTE FUNCTION poison()"
        ),
    ),
}
BREAKER = (
    "CREATE TABLE nowhere (id INTEGER PRIMARY KEY)",
    "CREATE TABLE breaker (id INTEGER REFERENCES nowhere(id) DEFERRABLE INITIALLY DEFERRED)",
)
COMMIT_BREAKER = {
    "sqlite": (
        *BREAKER,
        "CREATE TRIGGER break_commit AFTER INSERT ON messages BEGIN INSERT INTO breaker VALUES (1); END",
    ),
    "postgresql": (
        *BREAKER,
        (
            "CREATE FUNCTION break_commit() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO breaker VALUES (1); RETURN NULL; END $$"
        ),
        (
            "CREATE TRIGGER break_commit AFTER INSERT ON messages FOR EACH ROW "
            "EXECUTE FUNCTION break_commit()"
        ),
    ),
}
"""Every statement succeeds, the COMMIT itself fails."""
MENDED = {
    "sqlite": "DROP TRIGGER break_commit",
    "postgresql": "DROP TRIGGER break_commit ON messages",
}


async def run_sql(runtime, *statements):
    async with runtime.db.begin() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def test_a_message_is_answered_and_kept(runtime):
    async with listening(runtime) as listener, connected(listener) as peer:
        assert verdict(await peer.ask(referral())) == ("AA", "M-1")
    assert len(await messages_of(runtime)) == 1


async def test_when_the_commit_fails_the_sender_hears_ar_207_and_nothing_is_kept(runtime):
    """INVARIANT: an AA leaves only after the commit; answering before it breaks this."""
    await run_sql(runtime, *COMMIT_BREAKER[runtime.db.dialect])
    async with listening(runtime) as listener, connected(listener) as peer:
        answer = await peer.ask(referral())
        assert verdict(answer) == ("AR", "M-1")
        assert b"|207^" in answer
        assert await messages_of(runtime) == []
        await run_sql(runtime, MENDED[runtime.db.dialect])
        assert verdict(await peer.ask(referral())) == ("AA", "M-1")


async def test_at_the_moment_of_the_aa_the_message_is_already_committed(runtime):
    async with listening(runtime) as listener, connected(listener) as peer:
        for number in range(20):
            assert verdict(await peer.ask(referral(f"M-{number}")))[0] == "AA"
            assert len(await messages_of(runtime)) == number + 1


async def test_one_poisonous_message_fails_alone_and_the_batch_is_kept(runtime):
    await run_sql(runtime, *POISON[runtime.db.dialect])
    ids = [f"M-{number}" for number in range(10)]
    ids.insert(5, "POISON")
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(*(referral(control_id) for control_id in ids))
        answers = [verdict(answer) for answer in await peer.receive(len(ids))]
    assert answers == [("AR" if one == "POISON" else "AA", one) for one in ids]
    assert len(await messages_of(runtime)) == 10


async def test_messages_that_wait_share_a_commit(runtime):
    commits = 0

    async def count():
        nonlocal commits
        while True:
            await runtime.db.committed.wait(60)
            commits += 1

    counting = asyncio.create_task(count())
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(*(referral(f"M-{number}") for number in range(100)))
        assert len(await peer.receive(100)) == 100
    counting.cancel()
    assert commits < 10


async def test_twenty_parallel_resends_are_answered_alike_and_kept_once(runtime):
    async with listening(runtime) as listener:

        async def send():
            async with connected(listener) as peer:
                return await peer.ask(referral())

        answers = await asyncio.gather(*(send() for _ in range(20)))
    assert len(set(answers)) == 1
    assert verdict(answers[0])[0] == "AA"
    assert len(await messages_of(runtime)) == 1


async def test_answers_come_in_the_order_of_the_messages(runtime):
    ids = [f"M-{number}" for number in range(50)]
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(*(referral(control_id) for control_id in ids))
        assert [verdict(answer)[1] for answer in await peer.receive(50)] == ids


async def test_a_message_byte_by_byte_with_noise_around_is_answered(runtime):
    async with listening(runtime) as listener, connected(listener) as peer:
        for byte in b"noise" + framed(referral()):
            await peer.send(raw=bytes([byte]))
        assert verdict((await peer.receive())[0]) == ("AA", "M-1")


async def test_a_link_carries_many_messages_one_after_the_other(runtime):
    async with listening(runtime) as listener, connected(listener) as peer:
        for number in range(100):
            assert verdict(await peer.ask(referral(f"M-{number}")))[1] == f"M-{number}"


@pytest.mark.parametrize("size", [200 * 1024, 5 * 1024 * 1024])
async def test_a_large_message_is_answered(runtime, size):
    raw = referral() + b"NTE|1||" + b"x" * size
    async with listening(runtime) as listener, connected(listener) as peer:
        assert verdict(await peer.ask(raw)) == ("AA", "M-1")
    (row,) = await messages_of(runtime)
    assert row["size"] == len(raw)


async def test_a_sender_that_goes_on_above_the_limit_still_reads_its_answer(runtime):
    limits = Limits(max_bytes=1000, linger_seconds=0.5)
    async with listening(runtime, limits) as listener, connected(listener) as peer:
        await peer.send(raw=framed(referral() + b"NTE|1||" + b"x" * 20_000_000))
        assert verdict((await peer.receive())[0]) == ("AR", "M-1")
        assert await peer.is_closed()


async def test_above_the_limit_the_sender_hears_ar_199_and_the_link_closes(runtime):
    async with listening(runtime, Limits(max_bytes=1000)) as listener, connected(listener) as peer:
        answer = await peer.ask(referral() + b"NTE|1||" + b"x" * 1000)
        assert verdict(answer) == ("AR", "M-1")
        assert b"|199^" in answer
        assert await peer.is_closed()
    assert await messages_of(runtime) == []


async def test_a_half_frame_left_hanging_closes_the_link(runtime):
    limits = Limits(half_frame_seconds=0.05)
    async with listening(runtime, limits) as listener, connected(listener) as peer:
        assert verdict(await peer.ask(referral())) == ("AA", "M-1")
        await asyncio.sleep(0.15)
        await peer.send(raw=framed(referral("M-2"))[:-2])
        assert await peer.is_closed()
    assert len(await messages_of(runtime)) == 1


async def test_a_frame_that_lacks_only_its_return_is_answered_when_the_sender_falls_silent(runtime):
    limits = Limits(half_frame_seconds=0.05)
    async with listening(runtime, limits) as listener, connected(listener) as peer:
        await peer.send(raw=framed(referral())[:-1])
        assert verdict((await peer.receive())[0]) == ("AA", "M-1")


async def test_too_much_garbage_closes_the_link(runtime):
    async with listening(runtime, Limits(max_garbage=10)) as listener, connected(listener) as peer:
        await peer.send(raw=b"GET / HTTP/1.1\r\n\r\n")
        assert await peer.is_closed()


async def test_a_broken_frame_is_not_answered_and_the_link_goes_on(runtime):
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(raw=b"\x0bMSH|\x1cmore" + framed(referral()))
        assert verdict((await peer.receive())[0]) == ("AA", "M-1")


async def test_an_answer_is_never_answered(runtime):
    answer = b"MSH|^~\\&|A|B|C|D|||ACK|1|P|2.5\rMSA|AA|7\r"
    async with listening(runtime) as listener, connected(listener) as peer:
        await peer.send(answer, referral())
        assert verdict((await peer.receive())[0]) == ("AA", "M-1")


async def test_more_links_than_allowed_are_closed_at_once_and_room_is_made_again(runtime):
    async with listening(runtime, Limits(max_connections=1)) as listener:
        async with connected(listener) as first:
            await first.ask(referral())
            async with connected(listener) as second:
                assert await second.is_closed()
        found: list[bytes] = []
        for _ in range(100):
            async with connected(listener) as third:
                await third.send(referral())
                if found := await third.receive():
                    break
            await asyncio.sleep(0.01)
        assert verdict(found[0]) == ("AA", "M-1")


async def test_three_hundred_idle_links_do_not_keep_another_from_being_answered(runtime):
    async with listening(runtime) as listener:
        port = listener.server.port
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        async with connected(listener) as peer:
            assert verdict(await peer.ask(referral())) == ("AA", "M-1")
        for _, writer in idle:
            writer.close()


async def test_a_peer_gone_before_its_answer_finds_its_message_kept(runtime):
    async with listening(runtime) as listener:
        async with connected(listener) as peer:
            await peer.send(referral())
            linger = peer.writer.get_extra_info("socket")
            linger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.writer.transport.abort()
        for _ in range(200):
            if await messages_of(runtime):
                break
            await asyncio.sleep(0.01)
        async with connected(listener) as peer:
            assert verdict(await peer.ask(referral())) == ("AA", "M-1")
    (row,) = await messages_of(runtime)
    assert row["duplicates"] == 1


async def test_a_stop_answers_what_is_framed_and_closes_every_link(runtime):
    async with listening(runtime) as listener:
        async with connected(listener) as idle, connected(listener) as busy:
            await busy.send(*(referral(f"M-{number}") for number in range(50)))
            (first,) = await busy.receive()
            RUNNING[listener].cancel()
            answers = [first, *await busy.receive(49)]
            assert {verdict(answer)[0] for answer in answers} == {"AA"}
            assert len(await messages_of(runtime)) == len(answers)
            assert await busy.is_closed()
            assert await idle.is_closed()
        await asyncio.wait([RUNNING[listener]])
        with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls a closed port
            await asyncio.open_connection("127.0.0.1", listener.server.port)


async def test_a_listener_can_be_started_again(runtime):
    async with listening(runtime) as listener:
        RUNNING[listener].cancel()
        await asyncio.wait([RUNNING[listener]])
        again = asyncio.create_task(listener.run("127.0.0.1", 0))
        await listener.server.listening.wait()
        async with connected(listener) as peer:
            assert verdict(await peer.ask(referral())) == ("AA", "M-1")
        again.cancel()
        await asyncio.wait([again])


async def test_the_log_tells_how_many_were_kept_also_of_those_kept_just_before_the_end(runtime):
    with capture_logs() as logs:
        async with listening(runtime) as listener, connected(listener) as peer:
            for number in range(3):
                await peer.ask(referral(f"M-{number}"))
        stored = [line for line in logs if line["event"] == "messages_stored"]
    assert {line["state"] for line in stored} == {"received"}
    assert sum(line["count"] for line in stored) == 3
