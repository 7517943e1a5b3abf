"""Our own check of what goes out: segments in order and the fields that must be filled.

For what hl7apy does not know (OSU), and for what a person has edited.
"""

import re
from collections.abc import Mapping

from emr_bridge.formats.hl7v2.builders.refusals import Unbuildable
from emr_bridge.formats.hl7v2.message import Message
from emr_bridge.formats.hl7v2.reader import read

SHAPES: Mapping[str, str] = {
    "ORU_R01": "MSH PID (PV1 )?(ORC )?OBR (NTE )*(OBX (NTE )*)+",
    "MDM_T02": "MSH EVN PID PV1 (ORC )?(OBR )?TXA (OBX (NTE )*)+",
    "RRI_I12": "MSH (MSA )?RF1 (PRD )+PID (OBX )*(PV1 )?(NTE )*",
    "OSU_O51": "MSH PID (ORC (NTE )*(OBX )*)+",
    "SIU_S12": "MSH SCH (TQ1 )*(NTE )*PID (PV1 )?(RGS (AIS )*(AIL )*(AIP )*)+",
}
"""Segments by structure, each name followed by a blank."""

REQUIRED: Mapping[str, tuple[int, ...]] = {
    "MSH": (3, 4, 5, 6, 7, 9, 10, 11, 12),
    "EVN": (2,),
    "PID": (3, 5),
    "PV1": (2,),
    "ORC": (1,),
    "OBR": (4,),
    "OBX": (3, 5, 11),
    "TXA": (1, 2, 12, 17),
    "RF1": (1, 6),
    "PRD": (1,),
    "SCH": (6, 16, 20, 25),
    "RGS": (1,),
    "AIS": (1, 3),
    "MSA": (1, 2),
}
"""What must be filled wherever the segment stands (v2.5.1, and what a receiver cannot do without)."""


def check(raw: bytes) -> Message:
    """Return the message as read; raise Unbuildable with every place that is wrong."""
    message = read(raw)
    places = wrong_places(message)
    if places:
        raise Unbuildable(places)
    return message


def wrong_places(message: Message) -> list[str]:
    """Return what is wrong with a message of ours, by place; nothing of what it says."""
    names = [segment.name for segment in message.segments]
    structure = message.first("MSH").text(9, 3) or ""
    if structure not in SHAPES:
        return ["MSH-9"]
    found = [] if re.fullmatch(SHAPES[structure], " ".join([*names, ""])) else ["structure"]
    for segment in message.segments:
        needed = REQUIRED.get(segment.name, ())
        found += [f"{segment.name}-{number}" for number in needed if not segment.field(number)]
    return sorted(set(found))
