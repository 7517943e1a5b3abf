"""Who shows what over TLS, and whom we believe after the files changed."""

import asyncio
import contextlib
import os
import ssl

import pytest
import trustme

from emr_bridge.domain.peer import Peer, networks_of
from emr_bridge.transports.tls import Certificates, peer_of


class Shown:
    """What asyncio and ssl tell of a connection."""

    def __init__(self, peername, certificate=None):
        self.peername = peername
        self.certificate = certificate

    def get_extra_info(self, name):
        known = {"peername": self.peername, "ssl_object": self if self.certificate else None}
        return known[name]

    def getpeercert(self, *, binary_form=False):
        return b"DER" if binary_form else self.certificate


def test_a_directory_name_in_a_certificate_is_nobodys_name():
    directory = ((("countryName", "US"),),)
    shown = {"subjectAltName": (("DirName", directory), ("DNS", "EPIC.north"))}
    assert peer_of(Shown(("10.1.2.3", 4000), shown)).names == frozenset({"epic.north"})


def test_somebody_without_an_address_is_within_no_network_and_is_not_nobody():
    """INVARIANT: what is not known of a peer opens no door."""
    peer = peer_of(Shown(None))
    assert not peer.is_within(networks_of(["0.0.0.0/0", "::/0"]))
    assert peer != Peer()


@pytest.fixture
def files(tmp_path):
    ours, theirs = trustme.CA(), trustme.CA()
    ours.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "own.pem"
    )
    theirs.cert_pem.write_to_path(tmp_path / "authority.pem")
    client = ssl.create_default_context()
    ours.configure_trust(client)
    theirs.issue_cert("epic.north").configure_cert(client)
    return tmp_path, client


async def is_taken(port, client, name):
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname=name
        )
        told = await reader.read()
        writer.close()
        return told == b"hello"
    return False


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"], ids=["by name", "by address"])
async def test_an_authority_that_was_taken_away_is_believed_no_more(files, name):
    """INVARIANT: whoever may not come in any more need not wait for a restart."""
    folder, client = files
    known = Certificates(folder / "own.pem", client_authority=folder / "authority.pem")

    async def greet(reader, writer):
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=known.context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await is_taken(port, client, name)
        trustme.CA().cert_pem.write_to_path(folder / "authority.pem")
        os.utime(folder / "authority.pem", (1, 1))
        assert known.refresh()
        assert not await is_taken(port, client, name)
