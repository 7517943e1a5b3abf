"""Real messages from other projects, when they lie beside the repository: none may crash us."""

from pathlib import Path

import pytest
from sqlalchemy import insert
from tests.emr_bridge.builders import events, messages_of

from common.events.emr import DocumentPart, MessageReceived
from emr_bridge.formats.hl7v2.ack import is_acknowledgement
from emr_bridge.formats.hl7v2.header import read_header
from emr_bridge.formats.hl7v2.reader import read
from emr_bridge.handlers.receive import receive, seal_context
from emr_bridge.handlers.senders import sender_keys
from emr_bridge.store.tables import links as links_table
from emr_bridge.workers.interpreter import interpret_next

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "hl7v2"

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file()) if CORPUS.is_dir() else []

ASIDE = (MessageReceived, DocumentPart)
"""What is told beside the one fact."""

pytestmark = pytest.mark.skipif(not FILES, reason="shared/corpus/hl7v2 is not there")


def test_every_file_is_read_and_comes_back_unchanged():
    for path in FILES:
        raw = path.read_bytes()
        assert read(raw).to_bytes() == raw, path.name


async def test_every_file_is_answered_and_kept_and_what_is_taken_becomes_one_fact(runtime):
    raws = {path.read_bytes() for path in FILES}
    await register_senders(runtime, raws)
    for raw in sorted(raws):
        async with runtime.db.begin() as tx:
            (outcome,) = await receive(tx, [raw], sealer=runtime.sealer, now=runtime.clock())
        answer = outcome.answer
        assert (answer is None) == is_acknowledgement(read_header(raw))
        if answer is not None:
            code, control_id = verdict_of(answer)
            assert code in ("AA", "AE", "AR", "CA", "CE", "CR")
            assert control_id == read_header(raw).raw(10)
    while await interpret_next(runtime):
        pass
    rows = await messages_of(runtime)
    kept = {runtime.sealer.unseal_bytes(row["raw"], seal_context(row["id"])) for row in rows}
    assert kept == raws
    taken = [row["id"] for row in rows if row["state"] in ("interpreted", "review")]
    facts = [one for one in await events(runtime) if not isinstance(one, ASIDE)]
    assert sorted(one.message_id for one in facts) == sorted(taken)
    assert not [row for row in rows if row["state"] == "received"]
    assert not [row for row in rows if row["reason"] == "interpretation_failed"]
    assert len([row for row in rows if row["state"] == "interpreted"]) > 40


def verdict_of(answer: bytes) -> tuple[str, bytes]:
    said = next(line for line in answer.split(b"\r") if line.startswith(b"MSA"))
    mark = said[3:4]
    return said.split(mark)[1].decode(), said.split(mark)[2]


async def register_senders(runtime, raws):
    """Make one clinic's link for each sender, so that nothing stops at the door."""
    keys = sorted({sender_keys(read_header(raw))[0] for raw in raws})
    rows = [
        {
            "id": f"corpus/{number}",
            "clinic_id": "corpus",
            "sender_key": key,
            "sending_application": "",
            "sending_facility": "",
            "charset": "utf-8",
            "active": True,
            "failures": 0,
        }
        for number, key in enumerate(keys)
    ]
    async with runtime.db.begin() as tx:
        await tx.execute(insert(links_table), rows)
