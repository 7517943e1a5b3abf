"""Who may come in, and how much: TLS and certificates, networks, limits per link, batches, dribblers."""

import asyncio
import datetime as dt
import socket
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme
from prometheus_client import REGISTRY
from tests.emr_bridge.builders import (
    Peer,
    listening,
    messages_of,
    referral,
    until,
    verdict,
    with_link,
)

from common.errors import Misconfigured
from common.events.clinic import Hl7Dialect
from emr_bridge.domain.peer import ANYBODY, networks_of
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.links.listener import Listener
from emr_bridge.transports.framer import framed
from emr_bridge.transports.listening import sockets_at
from emr_bridge.transports.mllp import Binding, Limits
from emr_bridge.transports.tls import Certificates

YESTERDAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


class Authority:
    """Issues what a server and its peers show, as files."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = trustme.CA()
        self.trusted = folder / "authority.pem"
        self.authority.cert_pem.write_to_path(self.trusted)

    def issue(self, name, **options):
        issued = self.authority.issue_cert(name, **options)
        path = self.folder / f"{name}.pem"
        path.unlink(missing_ok=True)
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        return path

    def client(self, certificate=None, **options):
        context = ssl.create_default_context(cafile=self.trusted)
        if certificate:
            context.load_cert_chain(certificate)
        for name, value in options.items():
            setattr(context, name, value)
        return context


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@asynccontextmanager
async def over_tls(runtime, authority, limits=None, host="127.0.0.1"):
    """A listener with plain MLLP and MLLP over TLS; every TLS peer must show a certificate."""
    certificates = Certificates(authority.issue("127.0.0.1"), None, authority.trusted)
    listener = Listener(runtime, limits or Limits())
    bindings = [Binding("127.0.0.1", 0), Binding(host, 0, certificates.context)]
    task = asyncio.create_task(listener.run_all(bindings))
    await listener.server.listening.wait()
    try:
        yield listener, certificates
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def connected(port, context=None):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def talks(port, context, raw=None):
    """Whether a peer is let in and answered."""
    try:
        async with connected(port, context) as peer:
            await peer.send(raw or referral())
            return bool(await peer.receive())
    except (ssl.SSLError, ConnectionError):
        return False


async def test_a_partner_with_its_certificate_is_answered_over_tls_and_plain_peers_beside_it(
    runtime, authority
):
    await with_link(runtime, dialect=Hl7Dialect(client_certificate="epic.north.example"))
    mine = authority.issue("epic.north.example")
    async with over_tls(runtime, authority) as (listener, _):
        plain, secure = listener.server.ports
        async with connected(secure, authority.client(mine)) as peer:
            for number in range(20):
                assert verdict(await peer.ask(referral(f"M-{number}")))[0] == "AA"
        async with connected(plain) as peer:
            assert verdict(await peer.ask(referral("P-1")))[0] == "AR"
            assert verdict(await peer.ask(referral("P-2", sender="OTHER|CLINIC")))[0] == "AA"
    rows = await messages_of(runtime)
    assert [row["reason"] for row in rows if row["reason"]] == ["foreign_sender"]


async def test_a_certificate_with_another_partners_msh_4_is_refused_with_ar(runtime, authority):
    await with_link(runtime, dialect=Hl7Dialect(client_certificate="epic.north.example"))
    await with_link(
        runtime,
        clinic_id="south",
        id="south/x",
        sending_facility="SOUTH",
        dialect=Hl7Dialect(client_certificate="epic.south.example"),
    )
    mine, wrong = authority.issue("epic.north.example"), authority.issue("mallory.example")
    async with over_tls(runtime, authority) as (listener, _):
        async with connected(listener.server.ports[1], authority.client(mine)) as peer:
            assert verdict(await peer.ask(referral("M-1", sender="EPIC|SOUTH")))[0] == "AR"
            assert verdict(await peer.ask(referral("M-2")))[0] == "AA"
        async with connected(listener.server.ports[1], authority.client(wrong)) as peer:
            assert verdict(await peer.ask(referral("M-3")))[0] == "AR"


async def test_without_a_certificate_with_an_expired_one_or_anothers_nobody_comes_in(
    runtime, authority, tmp_path
):
    stranger = tmp_path / "other"
    stranger.mkdir()
    fake = Authority(stranger).issue("epic.north.example")
    expired = authority.issue("old.example", not_after=YESTERDAY)
    good = authority.issue("good.example")
    async with over_tls(runtime, authority) as (listener, _):
        port = listener.server.ports[1]
        assert await talks(port, authority.client(good))
        assert not await talks(port, authority.client())
        assert not await talks(port, authority.client(expired))
        assert not await talks(port, authority.client(fake))
        assert not await talks(port, None)
    assert len(await messages_of(runtime)) == 1


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_tls_1_1_is_refused_and_1_2_is_spoken(runtime, authority):
    good = authority.issue("good.example")
    async with over_tls(runtime, authority) as (listener, _):
        port = listener.server.ports[1]
        old = authority.client(good)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        assert not await talks(port, old)
        fair = authority.client(good, maximum_version=ssl.TLSVersion.TLSv1_2)
        assert await talks(port, fair)


async def test_over_tls_too_a_message_above_the_limit_hears_why(runtime, authority):
    good = authority.issue("good.example")
    limits, context = Limits(max_bytes=1000), authority.client(good)
    async with over_tls(runtime, authority, limits) as (listener, _):
        port = listener.server.ports[1]
        async with connected(port, context) as peer:
            await peer.send(referral() + b"NTE|1||" + b"x" * 2000)
            assert verdict((await peer.receive())[0]) == ("AR", "M-1")


async def test_a_renewed_certificate_is_shown_without_a_restart(runtime, authority):
    """INVARIANT: half of a new pair changes nothing. Broken by loading what was not tried."""
    good = authority.issue("good.example")

    async def serial(port):
        async with connected(port, authority.client(good)) as peer:
            return peer.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]

    async with over_tls(runtime, authority) as (listener, certificates):
        port = listener.server.ports[1]
        before = await serial(port)
        assert not certificates.refresh()
        path = authority.issue("127.0.0.1")
        whole = path.read_bytes()
        path.write_bytes(whole[:100])
        assert not certificates.refresh()
        assert await serial(port) == before
        path.write_bytes(whole)
        assert certificates.refresh()
        assert await serial(port) != before


async def test_the_files_are_looked_at_again_by_themselves(authority):
    certificates = Certificates(authority.issue("127.0.0.1"))
    seen = certificates.seen
    task = asyncio.create_task(certificates.keep_current(every=0.01))
    authority.issue("127.0.0.1")

    await until(lambda: certificates.seen != seen)
    task.cancel()


def test_a_certificate_that_cannot_be_used_is_told_at_the_start(authority):
    with pytest.raises(Misconfigured):
        Certificates(authority.trusted)
    with pytest.raises(Misconfigured):
        Certificates(authority.folder / "none.pem")


async def test_an_address_outside_the_allowed_networks_is_not_let_in(runtime):
    limits = Limits(allowed=networks_of(["10.0.0.0/8"]))
    async with listening(runtime, limits) as listener, connected(listener.server.port) as peer:
        assert await peer.is_closed()
    async with listening(runtime, Limits(allowed=networks_of(["127.0.0.1"]))) as listener:
        assert await talks(listener.server.port, None)


async def test_a_link_has_no_more_connections_than_it_may(runtime):
    await with_link(runtime, dialect=Hl7Dialect(max_connections=1))
    async with listening(runtime) as listener:
        port = listener.server.port
        await until(lambda: listener.knows_links)
        async with connected(port) as first:
            assert verdict(await first.ask(referral("M-0")))[0] == "AA"
            assert verdict(await first.ask(referral("M-1")))[0] == "AA"
            async with connected(port) as second:
                answer = await second.ask(referral("M-2"))
                assert (verdict(answer), b"|207^" in answer) == (("AR", "M-2"), True)
                assert await second.is_closed()
            async with connected(port) as other:
                assert verdict(await other.ask(referral("M-2", sender="X|Y")))[0] == "AA"
        await until(lambda: not listener.callers.links())
        assert await talks(port, None, referral("M-3"))
    controls = [row["control_id"] for row in await messages_of(runtime)]
    assert controls == ["M-0", "M-1", "M-2", "M-3"]


async def test_whoever_dribbles_a_message_is_cut_off(runtime):
    limits = Limits(half_frame_seconds=5, whole_frame_seconds=0.1)
    async with listening(runtime, limits) as listener, connected(listener.server.port) as peer:

        async def dribble():
            for byte in framed(referral()):
                await peer.send(raw=bytes([byte]))
                await asyncio.sleep(0.01)

        dribbling = asyncio.create_task(dribble())
        assert await peer.is_closed()
        dribbling.cancel()
        await asyncio.wait([dribbling])
    assert await messages_of(runtime) == []


async def test_a_slow_link_that_goes_on_is_not_cut_off(runtime):
    limits = Limits(half_frame_seconds=0.2, whole_frame_seconds=0.4)
    async with listening(runtime, limits) as listener, connected(listener.server.port) as peer:
        for number in range(6):
            raw = framed(referral(f"M-{number}"))
            await peer.send(raw=raw[:50])
            await asyncio.sleep(0.1)
            await peer.send(raw=raw[50:])
            assert verdict((await peer.receive())[0])[0] == "AA"


async def test_a_thousand_idle_connections_are_bounded_and_do_not_stop_the_others(runtime):
    async with listening(runtime, Limits(max_connections=500)) as listener:
        port = listener.server.port
        async with connected(port) as peer:
            assert verdict(await peer.ask(referral("M-0")))[0] == "AA"
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1000)]
            assert verdict(await peer.ask(referral("M-1")))[0] == "AA"
            await until(lambda: listener.server.connections == 500)
            assert verdict(await peer.ask(referral("M-2")))[0] == "AA"
        for _, writer in idle:
            writer.close()


BATCH = (
    b"FHS|^~\\&|EPIC|NORTH|LOOP|PHARM|20260302||||F-1\rBHS|^~\\&|EPIC|NORTH|LOOP|PHARM|20260302||||B-1\r"
    + referral("M-0")
    + referral("M-1").replace(b"REF^I12^REF_I12", b"VXU^V04")
    + referral("M-2")
    + b"BTS|3\rFTS|1\r"
)


async def test_a_batch_is_answered_by_a_batch_with_an_ack_for_each_message(runtime):
    await with_link(runtime, dialect=Hl7Dialect(batches=True))
    async with listening(runtime) as listener, connected(listener.server.port) as peer:
        await until(lambda: listener.knows_links)
        answer = await peer.ask(BATCH)
        again = await peer.ask(BATCH)
    lines = answer.decode().split("\r")
    head = lines[0].split("|")
    assert head[:6] == ["FHS", "^~\\&", "LOOP", "PHARM", "EPIC", "NORTH"]
    assert (head[11], lines[1].split("|")[0], lines[1].split("|")[11]) == ("F-1", "BHS", "B-1")
    said = [tuple(line.split("|")[1:3]) for line in lines if line.startswith("MSA")]
    assert said == [("AA", "M-0"), ("AR", "M-1"), ("AA", "M-2")]
    assert lines[-3:] == ["BTS|3", "FTS|1", ""]
    assert again.count(b"MSA|AA") == 2
    rows = await messages_of(runtime)
    assert [row["control_id"] for row in rows] == ["M-0", "M-1", "M-2"]


@pytest.mark.parametrize("dialect", [Hl7Dialect(), Hl7Dialect(batches=True)])
async def test_a_batch_that_is_not_taken_or_empty_is_one_message_that_is_refused(runtime, dialect):
    await with_link(runtime, dialect=dialect)
    raw = BATCH if not dialect.batches else b"BHS|^~\\&|EPIC|NORTH\rBTS|0\r"
    async with listening(runtime) as listener, connected(listener.server.port) as peer:
        await until(lambda: listener.knows_links)
        answer = await peer.ask(raw)
    assert verdict(answer)[0] == "AR"
    assert len(await messages_of(runtime)) == 1
    assert read_header(answer).kind[0] == "ACK"


@pytest.mark.parametrize(
    ("dialect", "raw"),
    [
        (Hl7Dialect(batches=True), BATCH + b"MSH|\r" * 500_000),
        (Hl7Dialect(batches=True), BATCH + b"BTS|\r" * 500_000),
        (Hl7Dialect(), b"\r\n " + BATCH),
    ],
    ids=["of messages", "of trailers", "after blanks"],
)
async def test_a_batch_that_is_a_bomb_or_hides_is_one_message_that_is_refused(
    runtime, dialect, raw
):
    """INVARIANT: no sender takes more of the door than a few thousand others would."""
    await with_link(runtime, dialect=dialect)
    async with listening(runtime) as listener, connected(listener.server.port) as peer:
        await until(lambda: listener.knows_links)
        answer = await peer.ask(raw)
    assert verdict(answer)[0] == "AR"
    (row,) = await messages_of(runtime)
    assert row["state"] == "refused"


class Nobody:
    """A caller that is gone."""

    peer = ANYBODY

    def send(self, message):
        return False

    def finish(self):
        """Nothing is open."""


async def test_a_batch_comes_again_while_the_links_are_not_known(runtime):
    listener = Listener(runtime, Limits())
    said: list[bytes | None] = []
    listener.take(BATCH, said.append, Nobody())
    assert verdict(said[0]) == ("AR", "M-0")
    assert b"|207^" in (said[0] or b"")


def refused(reason):
    name = "referral_tls_handshakes_refused_total"
    return REGISTRY.get_sample_value(name, {"reason": reason})


async def hello_answered(port):
    """Whether the port at least begins to agree on TLS; who is refused sees the end at once."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return False
    writer.close()
    return True


async def test_from_an_address_that_may_not_connect_tls_is_not_begun(runtime, authority):
    limits = Limits(allowed=networks_of(["10.8.0.0/24"]))
    before = refused("address")
    async with over_tls(runtime, authority, limits) as (listener, _):
        assert not await hello_answered(listener.server.ports[1])
    assert refused("address") == before + 1


async def test_those_with_whom_tls_is_half_agreed_on_count_as_links_do(runtime, authority):
    """INVARIANT: strangers who say nothing take no more than the places there are."""
    before = refused("crowded")
    async with over_tls(runtime, authority, Limits(max_connections=2)) as (listener, _):
        port = listener.server.ports[1]
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await until(lambda: refused("crowded") == before + 1)
        assert not await hello_answered(port)
        for _, writer in silent:
            writer.close()
        await until(lambda: not sum(door.begun for door in listener.server._doors))
        assert await hello_answered(port)
    assert refused("crowded") == before + 2


async def speaks_tls_at(host, port, authority):
    """Whether who is there over TLS greets with our certificate."""
    _, writer = await asyncio.open_connection(
        host, port, ssl=authority.client(), server_hostname="127.0.0.1"
    )
    writer.close()
    return True


async def test_over_tls_too_a_host_may_be_an_address_of_ipv6(runtime, authority):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error.strerror}")
    async with over_tls(runtime, authority, host="::1") as (listener, _):
        assert await speaks_tls_at("::1", listener.server.ports[1], authority)


async def test_over_tls_too_a_host_may_be_a_name(runtime, authority):
    async with over_tls(runtime, authority, host="localhost") as (listener, _):
        door = listener.server._doors[0]
        for one in door.sockets:
            host, port = one.getsockname()[:2]
            assert await speaks_tls_at(host, port, authority)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
async def test_a_host_is_listened_at_as_the_event_loop_itself_does(host):
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, 0)
    opened = await sockets_at(host, 0, backlog=1)
    try:
        found = [sorted(one.getsockname()[0] for one in some) for some in (opened, server.sockets)]
        assert found[0] == found[1]
    finally:
        server.close()
        for one in opened:
            one.close()


async def test_an_address_that_is_taken_leaves_no_socket_open():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
    ):
        await sockets_at("127.0.0.1", taken.getsockname()[1], backlog=1)
