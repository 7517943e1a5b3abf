"""Other people's implementations of HL7 v2, as they are published; where they cannot be had the tests are skipped, aloud."""

import pytest
from benchmarks.harness.contender import Absent
from benchmarks.peers import fetch
from tests.peers.talk import Peer

from emr_bridge.store.tables import metadata


def there(peer: Peer) -> Peer:
    try:
        peer.program("server")  # fetches what all its programs need
    except Absent as reason:
        pytest.skip(str(reason))
    return peer


@pytest.fixture(scope="session")
def hapi() -> Peer:
    """HAPI HL7v2 by Maven, its programs run from source by Java."""
    return there(Peer(lambda name: fetch.java("hapi", f"{name.capitalize()}.java")))


@pytest.fixture(scope="session")
def medplum() -> Peer:
    """@medplum/hl7 by npm, run by Node."""
    return there(Peer(lambda name: fetch.node("medplum", f"{name}.js")))


@pytest.fixture(params=["hapi", "medplum"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def runtime(runtime_of):
    return await runtime_of(metadata)
