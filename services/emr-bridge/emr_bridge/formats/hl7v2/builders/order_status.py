"""OSU^O51, written by hand: hl7apy has no such structure. Its payload is 360X-shaped.

Over MLLP this is a local agreement; 360X itself travels by Direct.
"""

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders import words
from emr_bridge.formats.hl7v2.builders.check import check
from emr_bridge.formats.hl7v2.builders.patient import both_numbers, pid
from emr_bridge.formats.hl7v2.builders.structure import (
    entity,
    escaped,
    header,
    line,
    sent,
    stamp,
)
from emr_bridge.formats.hl7v2.crosswalk import Row

REASONED = ("CA", "DC")
"""ORC-5 of an order that will not be served: ORC-16 says why."""


def order_status(outgoing: Outgoing, row: Row) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    said = words.lines(outgoing)
    profile = outgoing.source.profile_id if outgoing.source else ""
    lines = [
        line("MSH", header(row.message, outgoing) | {21: profile}),
        line("PID", pid(outgoing) | ({3: both} if (both := both_numbers(outgoing)) else {})),
        line("ORC", _orc(outgoing, row)),
        *(line("NTE", {1: str(n), 3: escaped(text)}) for n, text in enumerate(said, start=1)),
    ]
    raw = sent(lines, outgoing)
    check(raw)
    return raw


def _orc(outgoing: Outgoing, row: Row) -> dict[int, str]:
    request, booked = outgoing.request, outgoing.request.appointment
    status = row.codes["ORC-5"]
    return {
        1: row.codes["ORC-1"],
        2: outgoing.placer,
        3: entity(str(request.referral_id)),
        5: status,
        9: stamp(request.happened_at, outgoing.zone),
        12: outgoing.provider,
        15: stamp(booked.starts_at, outgoing.zone) if booked and status == "SC" else "",
        16: f"^{escaped(outgoing.content.title)}" if status in REASONED else "",
    }
