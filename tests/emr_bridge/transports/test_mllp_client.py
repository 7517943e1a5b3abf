"""One destination over real sockets: answers, strangers, TLS, and every way that a link can fail."""

import asyncio
import ssl

import pytest
import trustme

from emr_bridge.handlers.answers import is_answer_to
from emr_bridge.ports import Answered, NotSent, Unanswered
from emr_bridge.transports.mllp_client import Address, Client, Patience
from simulators.emr import EmrServer, drop, silent, slow, wrong_id

MESSAGE = b"MSH|^~\\&|US|PHARM|EMR|IN|20260302150000||ORU^R01^ORU_R01|C-1|P|2.5.1\rPID|1\r"
PATIENCE = Patience(connect_seconds=2, answer_seconds=0.3)


@pytest.fixture
def unasked():
    return []


@pytest.fixture
async def client(emr, unasked):
    made = Client(Address(emr.host, emr.port), PATIENCE, unasked.append)
    yield made
    made.close()


async def exchanged(client):
    return await client.exchange(MESSAGE, is_answer=lambda raw: is_answer_to("C-1", raw))


async def test_the_answer_is_the_one_that_names_our_message_and_strangers_are_handed_over(
    emr, client, unasked
):
    await emr.follow(wrong_id())
    assert isinstance(await exchanged(client), Answered)
    (foreign,) = unasked
    assert b"NOT-C-1" in foreign


async def test_what_comes_after_the_timeout_is_nobodys_answer(emr, client, unasked):
    await emr.follow(slow(0.5))
    assert await exchanged(client) == Unanswered("timeout")
    await asyncio.sleep(0.4)
    assert isinstance(await exchanged(client), Answered)
    assert unasked == []


async def test_silence_and_a_broken_link_are_ambiguous_a_refused_one_is_not(emr, client):
    await emr.follow(silent(), drop())
    assert await exchanged(client) == Unanswered("timeout")
    assert await exchanged(client) == Unanswered("reset")
    await emr.stop()
    assert await exchanged(client) == NotSent("refused")


async def test_an_idle_connections_end_is_seen_before_the_next_message(emr, client):
    assert isinstance(await exchanged(client), Answered)
    await emr.stop()
    await emr.start()
    await asyncio.sleep(0.05)
    assert isinstance(await exchanged(client), Answered)
    assert len(emr.received) == 2


async def test_a_cancelled_exchange_leaves_no_connection_behind(emr, client):
    await emr.follow(slow(5))
    running = asyncio.create_task(exchanged(client))
    await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait([running])
    await emr.follow()
    assert isinstance(await exchanged(client), Answered)


@pytest.fixture
def authority():
    return trustme.CA()


async def over_tls(authority, *, trusted: trustme.CA, shown: trustme.CA | None = None):
    """Exchange one message with an EMR that asks for a certificate."""
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    server_side.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server_side)
    ours = ssl.create_default_context()
    trusted.configure_trust(ours)
    if shown is not None:
        shown.issue_cert("pharmacy").configure_cert(ours)
    emr = EmrServer(tls=server_side)
    await emr.start()
    client = Client(Address(emr.host, emr.port, ours), PATIENCE)
    try:
        return await exchanged(client)
    finally:
        client.close()
        await emr.close()
        await asyncio.sleep(0.05)


async def test_over_tls_with_both_certificates_messages_go_out(authority):
    assert isinstance(await over_tls(authority, trusted=authority, shown=authority), Answered)


async def test_an_emr_whose_certificate_we_do_not_trust_gets_nothing(authority):
    refused = await over_tls(authority, trusted=trustme.CA(), shown=authority)
    assert refused == NotSent("tls")


async def test_an_emr_that_does_not_trust_ours_is_no_answer(authority):
    refused = await over_tls(authority, trusted=authority, shown=trustme.CA())
    assert isinstance(refused, NotSent | Unanswered)
