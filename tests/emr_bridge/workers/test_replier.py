"""Our application ACKs: when they are due, what they say, and the ways that they go."""

import asyncio
import ssl
from datetime import timedelta

import pytest
import trustme
from structlog.testing import capture_logs
from tests.emr_bridge.builders import (
    connected,
    link,
    listening,
    referral,
    rows_of,
    until,
    verdict,
    with_link,
)

from common.events.clinic import Hl7Dialect
from emr_bridge.handlers.receive import receive
from emr_bridge.store import links, tables
from emr_bridge.transports import mllp_notice
from emr_bridge.transports.framer import framed
from emr_bridge.transports.mllp_client import Address, Patience
from emr_bridge.workers.interpreter import interpret_next
from emr_bridge.workers.replier import Replier

WANTED = b"|P|2.5.1|||AL|AL"


def asking(accept=b"AL", application=b"AL", control_id="M-1", *, doubtful=False):
    raw = referral(control_id).replace(b"|P|2.5.1", b"|P|2.5.1|||" + accept + b"|" + application)
    return raw.replace(b"PID|1", b"ZZZ|1") if doubtful else raw


async def arrive(runtime, *raws):
    async with runtime.db.begin() as tx:
        outcomes = await receive(tx, raws, sealer=runtime.sealer, now=runtime.clock())
    while await interpret_next(runtime):
        pass
    return [outcome.answer for outcome in outcomes]


class Peer:
    """An EMR's own listener: takes what it is sent, and can be away."""

    def __init__(self):
        self.heard: list[bytes] = []
        self.trouble: str | None = None

    async def deliver(self, link, message):
        assert link.host == "emr.example"
        self.heard += [message] if self.trouble is None else []
        return self.trouble


def replier(runtime, peer, *, open_links=list, send_on=lambda link, message: False):
    return Replier(runtime, peer.deliver, open_links, send_on)


async def linked(runtime, **dialect):
    return await with_link(runtime, host="emr.example", port=1, dialect=Hl7Dialect(**dialect))


@pytest.fixture
def peer():
    return Peer()


async def test_after_ca_the_outcome_is_told_as_a_message_of_its_own(runtime, peer):
    await linked(runtime)
    assert verdict((await arrive(runtime, asking()))[0]) == ("CA", "M-1")
    assert await replier(runtime, peer).step()
    (told,) = peer.heard
    assert verdict(told) == ("AA", "M-1")
    head = told.split(b"\r")[0].split(b"|")
    assert (head[4], head[8], head[14:16]) == (b"EPIC", b"ACK^I12^ACK", [b"NE", b"NE"])
    assert not await replier(runtime, peer).step()


async def test_what_a_person_must_read_is_told_with_ae_and_without_patient_data(runtime, peer):
    await linked(runtime)
    await arrive(runtime, asking(doubtful=True))
    await replier(runtime, peer).step()
    assert verdict(peer.heard[0]) == ("AE", "M-1")
    assert b"ZZTEST" not in peer.heard[0]


@pytest.mark.parametrize(
    ("application", "doubtful", "expected"),
    [
        (b"NE", False, 0),
        (b"", False, 0),
        (b"SU", False, 1),
        (b"SU", True, 0),
        (b"ER", False, 0),
        (b"ER", True, 1),
    ],
)
async def test_msh_16_says_when_the_outcome_is_told(runtime, peer, application, doubtful, expected):
    await linked(runtime)
    await arrive(runtime, asking(application=application, doubtful=doubtful))
    await replier(runtime, peer).step()
    assert len(peer.heard) == expected


@pytest.mark.parametrize(
    "dialect", [{"application_ack_out": "never"}, {"acknowledgement": "original"}]
)
async def test_a_link_may_want_no_second_answer(runtime, dialect):
    await linked(runtime, **dialect)
    await arrive(runtime, asking())
    assert await rows_of(runtime, tables.replies) == []


async def test_without_an_address_nothing_is_queued_for_it(runtime):
    await with_link(runtime)
    await arrive(runtime, asking())
    assert await rows_of(runtime, tables.replies) == []


async def test_a_repeat_is_not_answered_by_a_second_message(runtime, peer):
    await linked(runtime)
    await arrive(runtime, asking())
    await arrive(runtime, asking())
    while await replier(runtime, peer).step():
        pass
    assert len(peer.heard) == 1


async def test_what_cannot_be_sent_is_sent_later_and_in_the_end_given_up(runtime, peer):
    await linked(runtime)
    await arrive(runtime, asking(), asking(control_id="M-2"))
    peer.trouble = "refused"
    await replier(runtime, peer).step()
    assert not await replier(runtime, peer).step()
    rows = await rows_of(runtime, tables.replies)
    assert {(row["state"], row["attempts"], row["last_error"]) for row in rows} == {
        ("waiting", 1, "refused"),
        ("waiting", 0, None),
    }
    peer.trouble = None
    runtime.clock.advance(timedelta(minutes=2))
    await replier(runtime, peer).step()
    assert len(peer.heard) == 2
    await arrive(runtime, asking(control_id="M-3"))
    runtime.clock.advance(timedelta(hours=25))
    with capture_logs() as told:
        await replier(runtime, peer).step()
    assert [(one["event"], one["count"]) for one in told] == [("application_acks_given_up", 1)]
    states = [row["state"] for row in await rows_of(runtime, tables.replies)]
    assert (states, len(peer.heard)) == (["sent", "sent", "given_up"], 2)


async def test_a_link_that_was_taken_away_is_told_nothing(runtime, peer):
    await linked(runtime)
    await arrive(runtime, asking())
    await with_link(runtime)
    await replier(runtime, peer).step()
    (row,) = await rows_of(runtime, tables.replies)
    assert (row["state"], row["last_error"], peer.heard) == ("waiting", "no_link", [])


async def test_on_the_same_connection_the_outcome_follows_the_ca(runtime, peer):
    await with_link(runtime, dialect=Hl7Dialect(application_ack_out="connection"))
    async with listening(runtime) as listener, connected(listener) as emr:
        await until(lambda: listener.knows_links)
        calls = listener.callers
        answering = replier(runtime, peer, open_links=calls.links, send_on=calls.send)
        assert verdict(await emr.ask(asking())) == ("CA", "M-1")
        assert not await interpret_next(runtime)
        assert await answering.step()
        assert verdict((await emr.receive())[0]) == ("AA", "M-1")
    await until(lambda: not calls.links())
    await arrive(runtime, asking(control_id="M-2"))
    assert not await answering.step()
    assert peer.heard == []


async def test_a_notice_is_heard_out_and_one_that_nobody_takes_is_told(unused_port):
    heard: list[bytes] = []

    async def hear(reader, writer):
        heard.append(await reader.read())
        writer.write(framed(b"MSH|^~\\&\rMSA|AA|9\r"))
        writer.close()

    patience = Patience(1, 1)
    address = Address("127.0.0.1", unused_port)
    assert await mllp_notice.deliver(address, b"MSH|", patience) == "refused"
    server = await asyncio.start_server(hear, "127.0.0.1", unused_port)
    assert await mllp_notice.deliver(address, b"MSH|", patience) is None
    assert heard == [framed(b"MSH|")]
    server.close()
    await server.wait_closed()


async def test_a_notice_to_an_emr_whose_certificate_we_do_not_trust_does_not_go_out(unused_port):
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(shown)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", unused_port, ssl=shown)
    address = Address("127.0.0.1", unused_port, ssl.create_default_context())
    assert await mllp_notice.deliver(address, b"MSH|", Patience(1, 1)) == "tls"
    server.close()
    await server.wait_closed()


async def test_a_link_that_is_away_is_asked_once_and_holds_up_no_other(runtime):
    """INVARIANT: however many answers an EMR that is away is owed, the others get theirs."""
    south = link(
        id="south/epic", clinic_id="south", sending_facility="SOUTH", host="south.example", port=1
    )
    await linked(runtime)
    async with runtime.db.begin() as tx:
        await links.replace(tx, "south", [south])
    await arrive(runtime, *(asking(control_id=f"M-{number}") for number in range(30)))
    await arrive(runtime, asking(control_id="S-1").replace(b"EPIC|NORTH", b"EPIC|SOUTH"))
    asked: list[str] = []

    async def deliver(to, message):
        asked.append(to.host)
        return "refused" if to.host == "emr.example" else None

    answering = Replier(runtime, deliver, list, lambda link_id, message: False)
    while await answering.step():
        pass
    assert asked == ["emr.example", "south.example"]
    held = [row["lease_token"] for row in await rows_of(runtime, tables.replies)]
    assert held == [None] * 31
