"""Who is refused at the port over TLS: told by real handshakes, counted with the reason, logged with the address."""

import asyncio
import datetime as dt
import gc
import os
import resource
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import pytest
import trustme
import uvloop
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.emr_bridge.builders import until

from emr_bridge.transports import handshake
from emr_bridge.transports.handshake import Door, reason_of
from emr_bridge.transports.tls import Certificates

YESTERDAY, TOMORROW = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
REASONS = (
    "no_certificate",
    "unknown_authority",
    "expired",
    "not_yet_valid",
    "bad_certificate",
    "our_certificate",
    "not_tls",
    "protocol",
    "timeout",
    "left",
    "address",
    "crowded",
)
SERVED = b"hello"


class Link(asyncio.Protocol):
    """What is behind the door: greets, and tells the socket it was given."""

    nodelay: ClassVar[set[int]] = set()

    def connection_made(self, transport):
        option = transport.get_extra_info("socket").getsockopt
        self.nodelay.add(option(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        transport.write(SERVED)


class Side:
    """An authority, and what its people show; each believes `believes`."""

    def __init__(self, folder):
        self.authority = trustme.CA()
        issued = self.authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
        issued.write_to_path(folder / "own.pem")
        self.authority.cert_pem.write_to_path(folder / "authority.pem")
        self.context = Certificates(folder / "own.pem", None, folder / "authority.pem").context

    def client(self, *, issuer=None, believes=None, shows=True, **options):
        context = ssl.create_default_context()
        (believes or self.authority).configure_trust(context)
        if shows:
            (issuer or self.authority).issue_cert("epic.north", **options).configure_cert(context)
        return context


@pytest.fixture
def side(tmp_path):
    return Side(tmp_path)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Run a coroutine in a loop of each kind: what they tell of a handshake is their own."""

    def running(coroutine):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return running


@asynccontextmanager
async def opened(side):
    """A door that is open; yields its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(Door([listening], side.context, Link).accept())
    try:
        yield listening.getsockname()[1]
    finally:
        task.cancel()
        await asyncio.wait([task])


def counted():
    name = "referral_tls_handshakes_refused_total"
    return {reason: REGISTRY.get_sample_value(name, {"reason": reason}) or 0 for reason in REASONS}


async def refused(before, logged):
    """Wait until one more is refused; return the reason."""
    await until(lambda: counted() != before)
    after = counted()
    (reason,) = [name for name in REASONS if after[name] != before[name]]
    assert after[reason] == before[reason] + 1
    told = [line for line in logged if line["event"] == "mllp_handshake_refused"]
    level = "debug" if reason == "left" else "warning"
    expected = {"event": "mllp_handshake_refused", "reason": reason, "host": "127.0.0.1"}
    assert told == [expected | {"log_level": level}]
    return reason


def speak(port, context):
    """Speak TLS as a program does that waits; one that does not believe us says so."""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.recv(len(SERVED))
    return b""


async def why(side, client):
    """Try to come in; return the reason why not."""
    with capture_logs() as logged:
        async with opened(side) as port:
            before = counted()
            answer = await asyncio.to_thread(client, port)
            reason = await refused(before, logged)
    assert answer != SERVED
    return reason


async def test_who_shows_what_is_believed_is_let_in_and_not_counted(side):
    before = counted()
    async with opened(side) as port:
        for _ in range(3):
            assert await asyncio.to_thread(speak, port, side.client()) == SERVED
    assert counted() == before


def test_an_answer_does_not_wait_for_the_next(side, run):
    async def ask():
        async with opened(side) as port:
            return await asyncio.to_thread(speak, port, side.client())

    Link.nodelay.clear()
    assert run(ask()) == SERVED
    assert Link.nodelay == {1}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("no_certificate", {"shows": False}),
        ("unknown_authority", {"issuer": trustme.CA()}),
        ("expired", {"not_after": YESTERDAY}),
        ("not_yet_valid", {"not_before": TOMORROW, "not_after": TOMORROW + dt.timedelta(days=1)}),
        ("our_certificate", {"believes": trustme.CA()}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refusal_by_a_certificate_says_what_is_wrong_with_it(side, run, reason, shown, version):
    context = side.client(**shown)
    context.maximum_version = version
    assert run(why(side, lambda port: speak(port, context))) == reason


def test_what_else_is_wrong_with_a_certificate_has_a_reason_of_its_own():
    error = ssl.SSLCertVerificationError("unsuitable certificate purpose")
    error.verify_code = 26
    assert reason_of(error) == "bad_certificate"


def test_a_peer_that_finds_another_name_in_our_certificate_says_so(side, run):
    def elsewhere(port):
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port)) as plain,
            side.client().wrap_socket(plain, server_hostname="pharmacy.example"),
        ):
            return SERVED

    assert run(why(side, elsewhere)) == "our_certificate"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_a_version_that_is_too_old_is_told_as_such(side, run):
    context = side.client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert run(why(side, lambda port: speak(port, context))) == "protocol"


@pytest.mark.parametrize("said", [b"\x0bMSH|^~\\&|ZZ|ZZ\r\x1c\r", b"GET /metrics HTTP/1.1\r\n\r\n"])
def test_plain_mllp_and_http_at_the_port_over_tls_are_told_as_such(side, run, said):
    def send(port):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(said)
            return plain.recv(1)

    assert run(why(side, send)) == "not_tls"


def test_who_only_looks_whether_the_port_is_open_is_counted_apart_and_no_warning(side, run):
    def look(port):
        socket.create_connection(("127.0.0.1", port)).close()

    assert run(why(side, look)) == "left"


def test_who_says_nothing_is_not_waited_for(side, run, monkeypatch):
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS", 0.1)

    def wait(port):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as plain:
            return plain.recv(1)

    assert run(why(side, wait)) == "timeout"


def test_one_that_is_slow_to_agree_keeps_nobody_else_waiting(side, run):
    async def both():
        async with opened(side) as port:
            with socket.create_connection(("127.0.0.1", port)):
                return await asyncio.to_thread(speak, port, side.client())

    assert run(both()) == SERVED


def test_without_a_descriptor_to_accept_with_the_door_waits_and_opens_again(side, run, monkeypatch):
    """INVARIANT: a crowd at the door does not close it for good."""
    monkeypatch.setattr(handshake, "BREATH_SECONDS", 0.01)

    async def crowded():
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        context, client = side.client(), socket.socket()
        client.setblocking(False)
        async with opened(side) as port:
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
                await until(lambda: "mllp_cannot_accept" in {line["event"] for line in logged})
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            reader, writer = await asyncio.open_connection(
                sock=client, ssl=context, server_hostname="127.0.0.1"
            )
            answer = await reader.readexactly(len(SERVED))
            writer.close()
            return answer

    with capture_logs() as logged:
        assert run(crowded()) == SERVED


def test_every_reason_is_counted_from_nought():
    name = "referral_tls_handshakes_refused_total"
    assert set(REASONS) == handshake.REASONS
    assert None not in [REGISTRY.get_sample_value(name, {"reason": one}) for one in REASONS]


def test_with_whom_it_is_half_agreed_sees_the_end_when_the_door_is_closed(side, run):
    async def stalled():
        before = counted()
        async with opened(side) as port:
            client = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), 10)
            await asyncio.to_thread(speak, port, side.client())  # the other has been taken up
        with client:
            ended = await asyncio.to_thread(client.recv, 1)
        return ended, counted() == before

    assert run(stalled()) == (b"", True)


def test_who_is_accepted_in_the_moment_of_the_closing_sees_the_end(side, run):
    """INVARIANT: no socket is left to the garbage collector, which warns of it."""

    async def at_once():
        listening = socket.create_server(("127.0.0.1", 0))
        door = Door([listening], side.context, Link)
        client, accepted = socket.socketpair()
        door._begin(accepted, "127.0.0.1")
        door.close()
        del accepted
        gc.collect()
        client.settimeout(10)
        with client:
            return await asyncio.to_thread(client.recv, 1), door.begun

    assert run(at_once()) == (b"", 0)


def test_a_door_that_is_closed_listens_no_more(side, run):
    async def closed():
        async with opened(side) as port:
            await asyncio.to_thread(speak, port, side.client())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    run(closed())
