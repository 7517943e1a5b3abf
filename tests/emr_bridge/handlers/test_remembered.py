"""What is decided of a message may be remembered by its header, and must be what is decided anew."""

import pytest
from tests.emr_bridge.builders import link, referral

from common.events.clinic import Hl7Dialect
from emr_bridge.domain.peer import Peer
from emr_bridge.formats.hl7v2.ack import code_of
from emr_bridge.handlers.receive import prepare
from emr_bridge.handlers.senders import Senders, Whence

STRICT = Hl7Dialect.model_validate(
    {
        "processing_ids": ["P"],
        "versions": ["2.5.1", "2.5"],
        "acknowledgement": "enhanced",
        "max_message_bytes": 1024,
        "unknown_types": "accept",
    }
)
OTHERS = [b"", b"T", b"AL", b"NE", b"ER", b"2.3", b"ADT^A01", b"ACK", b"REF^I99", b"ELSE"]


def with_field(number: int, value: bytes) -> bytes:
    """Return the sample with another MSH field."""
    head, _, rest = referral().partition(b"\r")
    fields = head.split(b"|")
    fields += [b""] * (number - len(fields))
    fields[number - 1] = value
    return b"|".join(fields) + b"\r" + rest


def told(row):
    """Return what was decided; ids and the sealed bytes are never the same."""
    answer = [line.split(b"|") for line in row.ack.split(b"\r")]
    if row.ack:
        answer[0][9] = b"(our control id)"
    return (row.state, row.reason, row.link_id, row.sender, row.message_type, answer)


@pytest.mark.parametrize("number", range(3, 22))
@pytest.mark.parametrize("dialect", [Hl7Dialect(), STRICT], ids=["usual", "strict"])
def test_a_header_that_differs_in_one_field_is_decided_as_if_it_were_the_first(
    sealer, clock, number, dialect
):
    """INVARIANT: a rule at the door that goes by a field which is not remembered breaks this."""
    known = {link().sender_key: link(dialect=dialect)}
    warm, now = Senders(known, 1), clock()
    prepare(referral(), warm, sealer=sealer, now=now)
    for value in OTHERS:
        raw = with_field(number, value)
        remembered = prepare(raw, warm, sealer=sealer, now=now)
        assert told(remembered) == told(prepare(raw, Senders(known, 1), sealer=sealer, now=now))
        assert told(remembered) == told(prepare(raw, warm, sealer=sealer, now=now))


def test_a_message_above_its_links_limit_is_refused_after_a_small_one_was_taken(sealer, clock):
    known = {link().sender_key: link(dialect=STRICT)}
    senders = Senders(known, 1)
    raw = with_field(15, b"AL")
    sizes: dict[int, list[str]] = {}
    for padding in (b"", b"NTE|1||" + b"x" * 2000 + b"\r", b""):
        row = prepare(raw + padding, senders, sealer=sealer, now=clock())
        sizes.setdefault(row.size, []).append(code_of(row.ack))
    assert list(sizes.values()) == [["CA", "CA"], ["CR"]]


def test_two_connections_are_told_apart_that_say_the_same(sealer, clock):
    guarded = Hl7Dialect.model_validate({"allowed_addresses": ["192.0.2.0/24"]})
    senders = Senders({link().sender_key: link(dialect=guarded)}, 1)
    states = [
        prepare(referral(), senders, whence=Whence(Peer(address)), sealer=sealer, now=clock()).state
        for address in ("192.0.2.7", "198.51.100.7", "192.0.2.7")
    ]
    assert states == ["received", "refused", "received"]
