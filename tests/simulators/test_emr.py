"""The EMR as a peer: how it answers, what it keeps, and how its client behaves on a link."""

import asyncio
import ssl
from datetime import UTC, datetime

import httpx2
import pytest
import trustme

from simulators import emr
from simulators.emr.app import control
from simulators.emr.framing import END, START, frame
from simulators.emr.messages import Envelope, ref_i12
from simulators.emr.samples import numbered
from simulators.emr.server import EmrServer
from simulators.loopback import NotLoopbackError, serving


def message(control_id="ZZ1"):
    envelope = Envelope(control_id=control_id, sent_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC))
    return ref_i12(numbered(1), envelope)


@pytest.fixture
async def server():
    async with emr.running() as server:
        yield server


@pytest.fixture
async def client(server):
    async with emr.EmrClient(server.host, server.port, timeout=2) as client:
        yield client


async def test_an_accepted_message_is_acknowledged_with_its_own_id_and_parties(client):
    ack = (await client.send(message())).decode().split("\r")

    assert ack[0].startswith("MSH|^~\\&|REFERRAL_LOOP|PHARMACY|ZZEMR|ZZCLINIC|")
    assert "|ACK^I12^ACK|" in ack[0]
    assert ack[0].endswith("|P|2.5.1")
    assert ack[1] == "MSA|AA|ZZ1"


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
async def test_a_rejected_message_is_told_why(server, client, code):
    await server.follow(emr.reject(code, error="101", location="PID^1^3"))
    ack = await client.send(message())

    assert f"MSA|{code}|ZZ1\r".encode() in ack
    assert b"ERR||PID^1^3|101^Required field missing^HL70357|E\r" in ack


async def test_a_script_is_followed_step_by_step_and_then_its_default(server, client):
    await server.follow(emr.reject("AE"), emr.accept("CA"), then=emr.reject("AR"))
    acks = [await client.send(message(f"ZZ{number}")) for number in range(4)]

    codes = [ack.partition(b"MSA|")[2][:2] for ack in acks]
    assert codes == [b"AE", b"CA", b"AR", b"AR"]


async def test_a_silent_emr_keeps_the_message_and_gives_no_answer(server):
    await server.follow(emr.silent())
    async with emr.EmrClient(server.host, server.port, timeout=0.05) as client:
        with pytest.raises(emr.NoAnswerError, match="timed out"):
            await client.send(message())

    assert [received.answers for received in server.received] == [[]]


async def test_a_dropped_link_loses_the_ack_and_a_resend_is_visible_as_a_duplicate(server, client):
    await server.follow(emr.drop())
    with pytest.raises(emr.NoAnswerError, match="closed"):
        await client.send(message())
    ack = await client.resend()

    assert b"MSA|AA|ZZ1" in ack
    assert server.duplicates() == {"ZZ1": 2}
    assert server.received[0].message == server.received[1].message == message()


async def test_a_wrong_id_comes_before_the_right_one(server, client):
    await server.follow(emr.wrong_id())

    assert b"MSA|AA|NOT-ZZ1" in await client.send(message())
    assert b"MSA|AA|ZZ1" in await client.read_answer()


async def test_a_slow_answer_comes_late_but_comes(server, client):
    await server.follow(emr.slow(0.1))
    before = asyncio.get_running_loop().time()
    await client.send(message())

    assert asyncio.get_running_loop().time() - before >= 0.1


async def test_a_commit_can_be_followed_by_an_application_error(server, client):
    await server.follow(emr.commit_then("AE", error="207"))

    assert b"MSA|CA|ZZ1" in await client.send(message())
    assert b"MSA|AE|ZZ1" in await client.read_answer()


async def test_an_emr_that_is_down_refuses_until_it_is_told_to_come_back(server):
    await server.follow(then=emr.down())
    client = emr.EmrClient(server.host, server.port)
    with pytest.raises(ConnectionRefusedError):
        await client.send(message())
    await server.follow()

    assert b"MSA|AA" in await client.send(message())
    await client.close()


async def test_an_emr_goes_down_between_two_messages_and_comes_back_by_itself(server, client):
    await server.follow(emr.accept(), emr.down(0.05))
    await client.send(message())
    with pytest.raises((emr.NoAnswerError, ConnectionError)):
        await client.send(message("ZZ2"))
    await asyncio.sleep(0.1)

    assert b"MSA|AA|ZZ3" in await client.send(message("ZZ3"))
    assert [received.control_id for received in server.received] == ["ZZ1", "ZZ3"]


async def test_a_closing_emr_does_not_wait_for_its_slow_answers():
    async with emr.running(then=emr.slow(60)) as server:
        client = emr.EmrClient(server.host, server.port)
        await client.write(frame(message()))
        while not server.received:  # noqa: ASYNC110 - the server has no event for this
            await asyncio.sleep(0.01)

    with pytest.raises(emr.NoAnswerError):
        await client.read_answer()


async def test_a_thousand_messages_pass_on_one_link_in_order(server, client):
    ids = [f"ZZ{number}" for number in range(1000)]
    acks = await client.send_together(message(control_id) for control_id in ids)

    assert [received.control_id for received in server.received] == ids
    assert all(f"|{sent}\r".encode() in ack for sent, ack in zip(ids, acks, strict=True))


async def test_a_frame_beyond_the_limit_ends_the_link(server, client):
    with pytest.raises((emr.NoAnswerError, ConnectionError)):
        await client.send(bytes(17 * 1024 * 1024))

    assert server.received == []


@pytest.mark.parametrize("garbage", [b"", b"MSH", b"PID|1", b"\xff\xfe"])
async def test_bytes_without_a_header_are_kept_and_answered(server, client, garbage):
    assert b"MSA|AA|" in await client.send(garbage)
    assert [received.message for received in server.received] == [garbage]


async def test_other_separators_are_answered_in_kind(client):
    ack = await client.send(b"MSH#*~\\&#A#B#C#D#20260301##REF*I12#ZZ1#T#2.3\r")

    assert b"ACK*I12*ACK" in ack
    assert b"MSA#AA#ZZ1" in ack


async def test_a_broken_frame_before_a_whole_one_costs_only_itself(server, client):
    await client.write(b"garbage" + START + b"half" + frame(message()))
    await client.read_answer()

    assert [received.message for received in server.received] == [message()]


async def test_an_answer_of_the_wire_is_one_frame(server):
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(frame(message()))
    answer = await reader.readuntil(END)
    writer.close()

    assert answer.startswith(START + b"MSH")


async def test_a_link_can_be_encrypted():
    authority = trustme.CA()
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(inside)
    outside = ssl.create_default_context()
    authority.configure_trust(outside)
    async with (
        emr.running(tls=inside) as server,
        emr.EmrClient(server.host, server.port, tls=outside) as client,
    ):
        assert b"MSA|AA" in await client.send(message())


def test_a_client_refuses_to_call_beyond_loopback():
    with pytest.raises(NotLoopbackError):
        emr.EmrClient("192.0.2.1", 2575)


async def test_the_control_api_shows_messages_and_changes_the_script():
    server = EmrServer()
    async with (
        serving(control(server)) as base_url,
        httpx2.AsyncClient(base_url=base_url) as outside,
        emr.EmrClient(server.host, server.port) as client,
    ):
        script = {"steps": [{"kind": "reject", "code": "AE"}], "then": {"kind": "accept"}}
        assert (await outside.post("/_sim/script", json=script)).status_code == 204
        await client.send(message())
        await client.send(message())
        shown = (await outside.get("/_sim/messages")).json()
        await outside.post("/_sim/reset")
        after = (await outside.get("/_sim/messages")).json()

    assert [item["answeredBy"] for item in shown["messages"]] == ["reject", "accept"]
    assert shown["duplicates"] == {"ZZ1": 2}
    assert shown["messages"][0]["text"] == message().decode()
    assert after["messages"] == []
