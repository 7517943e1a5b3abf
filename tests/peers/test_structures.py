"""What we send, read by HAPI: its default validation, and its model of each structure."""

import re

from tests.peers.talk import told

from embedded.hl7_sent import sample
from emr_bridge.formats.hl7v2.crosswalk import TABLE

WITHOUT_MODEL = {"OSU_O51"}
"""Structures of which HAPI 2.6.0 has no model of v2.5.1: it reads and validates their fields alone."""


async def test_every_message_of_the_crosswalk_is_valid_by_its_structure_for_hapi(hapi):
    found = await told(hapi.program("validate"), [sample(row) for row in TABLE])
    wrong = {
        (row.profile, row.milestone): findings
        for row, (_, findings) in zip(TABLE, found, strict=True)
        if findings
    }
    assert wrong == {}
    read_as = {
        (row.message.split("^")[2], name) for row, (name, _) in zip(TABLE, found, strict=True)
    }
    modelled = {(name, name) for name, _ in read_as} - {(name, name) for name in WITHOUT_MODEL}
    assert {(name, got) for name, got in read_as if name not in WITHOUT_MODEL} == modelled


async def test_hapi_finds_what_a_message_lacks(hapi):
    """That it has nothing to say of ours says something only if it would."""
    whole = sample(next(row for row in TABLE if row.profile == "oru"))
    unlabelled = whole.replace(b"\rOBR|", b"\rZZR|")
    nameless = re.sub(rb"(\rPID\|[^|]*\|[^|]*\|[^|]*\|[^|]*\|)[^|\r]*", rb"\1", whole)
    undated = whole.replace(b"|20260302", b"|2026-3-2", 1)
    found = await told(hapi.program("validate"), [whole, unlabelled, nameless, undated])
    nothing, group, field, value = (findings for _, findings in found)
    assert not nothing
    assert "OBR" in group
    assert field == "PID-5 is required"
    assert "2026-3-2" in value
