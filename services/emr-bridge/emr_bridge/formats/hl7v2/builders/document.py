"""MDM^T02: a notice as a document, a PDF letter that is filed beside the patient's others."""

import base64

from emr_bridge.domain.outgoing import Outgoing
from emr_bridge.formats.hl7v2.builders import words
from emr_bridge.formats.hl7v2.builders.patient import pid
from emr_bridge.formats.hl7v2.builders.structure import (
    entity,
    fill,
    finished,
    plain_number,
    stamp,
    started,
)
from emr_bridge.formats.hl7v2.crosswalk import Row
from emr_bridge.formats.pdf import letter

PRESENTATION = "AP"
AVAILABLE = "AV"


def document(outgoing: Outgoing, row: Row) -> bytes:
    """Return the message; Unbuildable when it would not be valid."""
    message = started(row.message, outgoing)
    happened = stamp(outgoing.request.happened_at, outgoing.zone)
    fill(message.evn, {2: stamp(outgoing.made_at, outgoing.zone)})
    fill(message.add_segment("PID"), pid(outgoing))
    fill(message.add_segment("PV1"), {1: "1", 2: "O"})
    fill(message.add_segment("TXA"), _txa(outgoing, row, happened))
    fields = {1: "1", 2: "ED", 3: words.TEXT_CODE, 5: _page(outgoing), 11: "F", 14: happened}
    fill(message.add_group("MDM_T02_OBXNTE_SUPPGRP").add_segment("OBX"), fields)
    echo = {("PID", 3): outgoing.patient_ids, ("TXA", 14): outgoing.placer}
    return finished(message, outgoing, echo)


def _txa(outgoing: Outgoing, row: Row, happened: str) -> dict[int, str]:
    return {
        1: "1",
        2: row.codes["TXA-2"],
        3: PRESENTATION,
        4: happened,
        12: entity(str(outgoing.request.notice_id)),
        14: plain_number(outgoing.placer),
        17: row.codes["TXA-17"],
        19: AVAILABLE,
    }


def _page(outgoing: Outgoing) -> str:
    content, request = outgoing.content, outgoing.request
    patient = ", ".join([content.patient.family_name, *content.patient.given_names[:2]])
    born = content.patient.birth_date
    told = f"Patient: {patient}" + (f", born {born.isoformat()}" if born else "")
    when = request.happened_at.astimezone(outgoing.zone).strftime("%Y-%m-%d %H:%M %Z")
    head, *rest = words.lines(outgoing)
    said = [head, told, f"As of: {when}", "", *rest[1:], "", f"From: {outgoing.us.name}"]
    page = letter(content.title, said)
    return f"^Application^pdf^Base64^{base64.b64encode(page).decode()}"
