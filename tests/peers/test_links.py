"""Our door and our sender with other people's ends of the link."""

from datetime import UTC, datetime
from functools import partial

from tests.emr_bridge.builders import listening, messages_of
from tests.peers.talk import serving, told

from embedded.hl7_sent import sample
from emr_bridge.domain.message import State
from emr_bridge.formats.hl7v2.ack import read_acknowledgement
from emr_bridge.formats.hl7v2.crosswalk import TABLE
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.handlers.answers import is_answer_to
from emr_bridge.ports import Answered
from emr_bridge.transports.mllp_client import Address, Client, Patience
from simulators.emr.messages import BUILDERS, Envelope
from simulators.emr.samples import numbered


def sent_by_emrs() -> dict[str, bytes]:
    """Return a message of each kind that the simulated EMR sends, by control id."""
    made = {}
    for number, build in enumerate(BUILDERS.values(), start=1):
        control_id = f"PEER{number}"
        envelope = Envelope(control_id=control_id, sent_at=datetime(2026, 3, 2, tzinfo=UTC))
        made[control_id] = build(numbered(number), envelope)
    return made


async def test_what_a_peer_sends_is_kept_once_and_it_takes_our_answers(peer, runtime):
    mine = sent_by_emrs()
    async with listening(runtime) as listener:
        command = [*peer.program("client"), str(listener.server.port)]
        answers = await told(command, [*mine.values(), *mine.values()])
    assert answers == [["AA", control_id] for control_id in [*mine, *mine]]
    kept = await messages_of(runtime)
    assert [(row["control_id"], row["state"], row["duplicates"]) for row in kept] == [
        (control_id, State.RECEIVED, 1) for control_id in mine
    ]


async def test_a_peer_takes_every_message_that_we_send(peer):
    async with serving(peer) as port:
        client = Client(Address("127.0.0.1", port), Patience())
        for row in TABLE:
            assert await answer_to(client, sample(row)) == "AA", row
        client.close()


async def test_hapi_answers_nothing_that_holds_an_msa_segment(hapi):
    """For it whatever has MSA-2 is an acknowledgement: that is why our RRI has none unless it is asked for."""
    alone = next(sample(row) for row in TABLE if row.profile == "rri")
    lines = alone.split(b"\r")
    reply = b"\r".join([lines[0], b"MSA|AA|ZZMSG0001", *lines[1:]])
    async with serving(hapi) as port:
        client = Client(Address("127.0.0.1", port), Patience(answer_seconds=2))
        assert await answer_to(client, b"\r".join(lines)) == "AA"
        assert await answer_to(client, reply) is None
        client.close()


async def answer_to(client: Client, message: bytes) -> str | None:
    """Send a message as the sender does; return MSA-1, None for silence."""
    control_id = read_header(message).control_id
    exchange = await client.exchange(message, is_answer=partial(is_answer_to, control_id))
    if not isinstance(exchange, Answered):
        return None
    said = read_acknowledgement(exchange.answer)
    return said.code if said else None
