"""ORU^R01: a notice as a status report that people can read in their EMR."""

from hl7apy.core import Message

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders.patient import pid
from emr_bridge.formats.hl7v2.builders.structure import (
    entity,
    escaped,
    fill,
    finished,
    plain_number,
    stamp,
    started,
)

REPORT_CODE = "REFSTATUS^Referral status report^L"
STATUS_CODE = "STATUS^Referral status^L"
TEXT_CODE = "REPORT^Referral status report^L"

IN_ITS_PLACE = "0"
"""Stands where the provider is echoed: what others wrote is not ours to validate."""


def report(outgoing: Outgoing) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    message = started("ORU^R01^ORU_R01", outgoing)
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    fill(result.add_group("ORU_R01_PATIENT").add_segment("PID"), pid(outgoing))
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    _order(order, outgoing)
    for number, fields in enumerate(_observations(outgoing), start=1):
        observation = order.add_group("ORU_R01_OBSERVATION").add_segment("OBX")
        fill(observation, {1: str(number)} | fields)
    placer, provider = outgoing.placer, outgoing.provider
    echo = {("PID", 3): outgoing.patient_ids, ("ORC", 2): placer, ("OBR", 2): placer}
    echo |= {("ORC", 12): provider, ("OBR", 16): provider}
    return finished(message, outgoing, echo)


def _order(order: Message, outgoing: Outgoing) -> None:
    request = outgoing.request
    placer, own = plain_number(outgoing.placer), entity(str(request.referral_id))
    happened, provider = stamp(request.happened_at), IN_ITS_PLACE if outgoing.provider else ""
    fill(order.add_segment("ORC"), {1: "RE", 2: placer, 3: own, 9: happened, 12: provider})
    fields = {1: "1", 2: placer, 3: own, 4: REPORT_CODE, 7: happened, 16: provider}
    fill(order.add_segment("OBR"), fields | {22: happened, 25: "F"})


def _observations(outgoing: Outgoing) -> list[dict[int, str]]:
    """Say the status as a code, then the words, a line each."""
    request, content = outgoing.request, outgoing.content
    code = escaped(request.referral_status)
    words = escaped(request.referral_status.replace("_", " ").capitalize())
    lines = [
        f"To: {content.addressed_to}",
        content.title,
        *content.lines,
        f"Referral code: {request.referral_code}",
    ]
    final = {11: "F", 14: stamp(request.happened_at)}
    status = {2: "CE", 3: STATUS_CODE, 5: f"{code}^{words}^L"} | final
    texts = [
        {2: "TX", 3: TEXT_CODE, 4: str(number), 5: escaped(line)} | final
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return [status, *texts]
