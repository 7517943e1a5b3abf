"""ORU^R01: a notice as a status report that people can read in their EMR."""

from hl7apy.core import Message

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders import words
from emr_bridge.formats.hl7v2.builders.patient import pid
from emr_bridge.formats.hl7v2.builders.structure import (
    IN_ITS_PLACE,
    entity,
    escaped,
    fill,
    finished,
    plain_number,
    stamp,
    started,
)
from emr_bridge.formats.hl7v2.crosswalk import Row


def report(outgoing: Outgoing, row: Row) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    message = started(row.message, outgoing)
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    patient = result.add_group("ORU_R01_PATIENT")
    fill(patient.add_segment("PID"), pid(outgoing))
    fill(patient.add_group("ORU_R01_VISIT").add_segment("PV1"), {1: "1", 2: "O"})
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    _order(order, outgoing, row)
    for number, fields in enumerate(_observations(outgoing), start=1):
        observation = order.add_group("ORU_R01_OBSERVATION").add_segment("OBX")
        fill(observation, {1: str(number)} | fields)
    placer, provider = outgoing.placer, outgoing.provider
    echo = {("PID", 3): outgoing.patient_ids, ("ORC", 2): placer, ("OBR", 2): placer}
    echo |= {("ORC", 12): provider, ("OBR", 16): provider}
    return finished(message, outgoing, echo)


def _order(order: Message, outgoing: Outgoing, row: Row) -> None:
    request = outgoing.request
    placer, own = plain_number(outgoing.placer), entity(str(request.referral_id))
    happened = stamp(request.happened_at, outgoing.zone)
    provider = IN_ITS_PLACE if outgoing.provider else ""
    fill(order.add_segment("ORC"), {1: "RE", 2: placer, 3: own, 9: happened, 12: provider})
    fields = {1: "1", 2: placer, 3: own, 4: words.REPORT_CODE, 7: happened, 16: provider}
    fill(order.add_segment("OBR"), fields | {22: happened, 25: row.codes["OBR-25"]})


def _observations(outgoing: Outgoing) -> list[dict[int, str]]:
    """Say the status and what happened as codes, then the words, a line each."""
    request = outgoing.request
    final = {11: "F", 14: stamp(request.happened_at, outgoing.zone)}
    codes = ((words.STATUS_CODE, request.referral_status), (words.UPDATE_CODE, outgoing.milestone))
    coded = [{2: "CE", 3: place, 5: words.coded(code)} | final for place, code in codes]
    texts = [
        {2: "TX", 3: words.TEXT_CODE, 4: str(number), 5: escaped(line)} | final
        for number, line in enumerate(words.lines(outgoing), start=1)
    ]
    return [*coded, *texts]
