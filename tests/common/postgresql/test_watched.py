"""A side that vanished without a word is noticed: by us, and by the server that keeps its locks."""

import asyncio
import socket
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.common.sample import jobs, metadata

from common import relay
from common.database import Database
from common.ids import new_id
from common.postgresql import GONE_SECONDS, SERVER_SETTINGS, watch


@pytest.fixture
async def db(make_database):
    return await make_database(metadata)


async def test_the_server_asks_whether_we_are_there_and_waits_for_nobody_who_is_stopped(
    db: Database,
) -> None:
    """INVARIANT: what a replica has locked is free again, however the replica ended."""
    async with db.begin() as tx:
        shown = {name: await tx.scalar(text(f"SHOW {name}")) for name in SERVER_SETTINGS}
        by_socket = await tx.scalar(text("SELECT inet_client_addr() IS NULL"))
    assert shown["idle_in_transaction_session_timeout"] == "2min"
    told = {name: SERVER_SETTINGS[name] for name in ("tcp_keepalives_idle", "tcp_keepalives_count")}
    assert by_socket or {name: shown[name] for name in told} == told


async def test_a_transaction_that_its_process_does_not_go_on_with_lets_go_of_its_rows(
    db: Database,
) -> None:
    async with db.begin() as tx:
        await tx.execute(jobs.insert().values(id=new_id(), state="due", rank=1))
    with pytest.raises(DBAPIError):
        await _hold_without_going_on(db)
    async with db.read() as tx:
        assert await tx.scalar(text("SELECT rank FROM jobs")) == 2


async def _hold_without_going_on(db: Database) -> None:
    impatient = text("SELECT set_config('idle_in_transaction_session_timeout', '100ms', true)")
    async with db.begin() as stopped:
        await stopped.execute(impatient)
        await stopped.execute(text("SELECT * FROM jobs FOR UPDATE"))
        async with asyncio.timeout(20), db.begin() as tx:
            await tx.execute(text("UPDATE jobs SET rank = 2"))
        await stopped.execute(text("UPDATE jobs SET rank = 3"))


async def test_a_socket_of_ours_is_asked_whether_the_other_side_is_there() -> None:
    """INVARIANT: no statement waits for ever for a server that is gone."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as opened:
        watch(opened)
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            patience = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert patience == GONE_SECONDS * 1000


async def test_a_socket_of_this_machine_is_left_as_it_is() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        watch(ours)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize("kind", ["pool", "relay"])
async def test_every_connection_is_watched(db: Database, kind: str) -> None:
    if kind == "relay":
        async with relay._session(db) as session:
            _assert_watched(session)
    else:
        async with db.begin() as tx:
            _assert_watched((await tx.get_raw_connection()).driver_connection)


def _assert_watched(session: Any) -> None:
    shown = session._transport.get_extra_info("socket")
    if shown.family == socket.AF_UNIX:
        return
    with socket.fromfd(shown.fileno(), shown.family, shown.type) as same:
        assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_connections_that_the_server_closed_while_they_waited_are_passed_over(
    db: Database,
) -> None:
    """INVARIANT: after a restart of the server the first request is answered, not refused."""
    await _use_some(db)
    async with db.begin() as tx:
        gone = await tx.scalars(text(f"SELECT pg_terminate_backend(pid, 5000) FROM {OTHERS}"))
        assert set(gone) == {True}
    assert await _use_some(db) == [1, 1, 1]


OTHERS = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def _use_some(db: Database) -> list[int]:
    """Have several transactions open at once, so that each has a connection of its own."""
    together = asyncio.Barrier(3)

    async def use() -> int:
        async with db.begin() as tx:
            await together.wait()
            return int((await tx.execute(text("SELECT 1"))).scalar_one())

    return list(await asyncio.gather(*(use() for _ in range(3))))
