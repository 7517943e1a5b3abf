"""RRI^I12 and its kin: REF's own answer, with the referral's number and status in RF1."""

from emr_bridge.domain.outgoing import Outgoing, Source, Us
from emr_bridge.formats.hl7v2.builders import words
from emr_bridge.formats.hl7v2.builders.patient import both_numbers, pid
from emr_bridge.formats.hl7v2.builders.refusals import Unbuildable
from emr_bridge.formats.hl7v2.builders.structure import (
    IN_ITS_PLACE,
    entity,
    escaped,
    fill,
    finished,
    stamp,
    started,
)
from emr_bridge.formats.hl7v2.crosswalk import Row

STATUSES = {"A": "Accepted", "E": "Expired", "P": "Pending", "R": "Rejected"}
"""Table 0283 as a whole."""

REASONED = ("R", "E")
REPLY = "referral_received"
REFERRING = "RP^Referring Provider^HL70286"
RECEIVING = "RT^Referred to Provider^HL70286"


def referral_info(outgoing: Outgoing, row: Row) -> bytes:
    """Return the message; Unbuildable when it would not be valid.

    With MSA only as the acknowledgement that was asked for: some listeners (HAPI's) take whatever
    holds an MSA for an acknowledgement of a message of their own, and answer nothing.
    """
    source = outgoing.source
    if source is None or not outgoing.placer:
        raise Unbuildable(["RF1-6"])
    message = started(row.message, outgoing)
    if source.wants_answer and outgoing.request.notice == REPLY:
        fill(message.add_segment("MSA"), {1: "AA", 2: escaped(source.control_id)})
    fill(message.add_segment("RF1"), _rf1(outgoing, row))
    for fields in ({1: REFERRING, 2: IN_ITS_PLACE}, _us(outgoing.us)):
        fill(message.add_group("RRI_I12_PROVIDER_CONTACT").add_segment("PRD"), fields)
    fill(message.add_segment("PID"), pid(outgoing))
    for number, line in enumerate(words.lines(outgoing), start=1):
        fill(message.add_segment("NTE"), {1: str(number), 3: escaped(line)})
    echo = {("RF1", 6): outgoing.placer, ("PID", 3): both_numbers(outgoing)}
    return finished(message, outgoing, echo, {"PRD|RP": _referrer(outgoing, source)})


def _rf1(outgoing: Outgoing, row: Row) -> dict[int, str]:
    status, request = row.codes["RF1-1"], outgoing.request
    reason = f"^{escaped(outgoing.content.title)}" if status in REASONED else ""
    return {
        1: f"{status}^{STATUSES[status]}^HL70283",
        6: IN_ITS_PLACE,
        9: stamp(request.happened_at, outgoing.zone),
        10: reason,
        11: entity(str(request.referral_id)),
    }


def _us(us: Us) -> dict[int, str]:
    phones = (("PH", us.phone), ("FX", us.fax))
    reached = "~".join(_reached(kind, escaped(number)) for kind, number in phones if number)
    fields = {1: RECEIVING, 2: escaped(us.name), 5: reached}
    return fields | ({7: f"{escaped(us.npi)}^NPI"} if us.npi else {})


def _reached(kind: str, number: str) -> str:
    """Return XTN with the number where old readers look (1) and where new ones do (12)."""
    return f"{number}^WPN^{kind}^^^^^^^^^{number}"


def _referrer(outgoing: Outgoing, source: Source) -> str:
    """Return the sender's own PRD; where it had none, one made of the provider that it named."""
    if source.referrer:
        return source.referrer
    number, *names = outgoing.provider.split("~")[0].split("^")
    name = "^".join(names[:2])
    return f"PRD|{REFERRING}|{name}|||||{number}".rstrip("|")
