"""The guides: every command, file and sample in them is as it is said."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import yaml
from standardwebhooks.webhooks import Webhook
from typer.main import get_command

from embedded import hl7_sent
from embedded.cli import app
from emr_bridge.formats.hl7v2.crosswalk import row_of
from notifications.channels.webhook import payload

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
RULES = sorted((ROOT / "deploy" / "observability" / "rules").glob("*.yaml"))
PARTNER = (ROOT / "docs" / "guide" / "connect-a-partner.md").read_text()
SECRET = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="

TOLD = [*GUIDES, *RULES, ROOT / "README.md"]


def commands(text: str) -> Iterator[str]:
    """Every command line that begins with referral-loop, in code."""
    for span in re.findall(
        r"referral-loop ([a-z][^`\n#]*)", " ".join(text.split("\n            "))
    ):
        yield span.strip()


def unknown(line: str) -> Iterator[str]:
    """What of a command line the program does not know."""
    command: Any = get_command(app)
    words = line.split()
    while words and hasattr(command, "commands"):
        word = words.pop(0)
        if word not in command.commands:
            yield word
            return
        command = command.commands[word]
        command = getattr(command, "real", command)
    options = {option for parameter in command.params for option in parameter.opts}
    yield from (word for word in words if word.startswith("-") and word not in options)


@pytest.mark.parametrize("path", TOLD, ids=lambda path: path.name)
def test_every_command_that_is_named_exists_with_its_options(path):
    found = [line for line in commands(path.read_text()) if line[:1].islower()]
    assert [(line, list(unknown(line))) for line in found if any(unknown(line))] == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path):
    named = re.findall(r"(?:docs|deploy)/[\w./-]+\w", re.sub(r"\]\([^)]*\)", "", path.read_text()))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_alert_has_its_first_step_in_the_guide():
    guide = (ROOT / "docs/guide/operate.md").read_text()
    groups = [g for path in RULES for g in yaml.safe_load(path.read_text())["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert {alert for alert in alerts if f"| {alert} |" not in guide} == set()


def test_the_test_vector_verifies_by_the_code_beside_it_and_by_the_reference_library():
    (code,) = re.findall(r"```python\n(.*?)```", PARTNER, re.DOTALL)
    (vector,) = re.findall(r"```http\n(.*?)```", PARTNER, re.DOTALL)
    assert SECRET in PARTNER
    head, _, body = vector.strip().partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    room: dict[str, Any] = {}
    exec(code, room)
    assert room["is_from_us"](SECRET, headers, body.encode())
    assert not room["is_from_us"](SECRET, headers, body.replace("8PAF57", "8PAF58").encode())
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = Webhook(SECRET).sign(headers["webhook-id"], at, body)
    assert signed == headers["webhook-signature"]


def test_the_vector_has_the_fields_that_are_posted():
    (vector,) = re.findall(r"```http\n(.*?)```", PARTNER, re.DOTALL)
    shown = json.loads(vector.strip().partition("\n\n")[2])
    notice = SimpleNamespace(name="referral_received", referral_code="ABC234")
    said: Any = SimpleNamespace(
        referral_id=UUID(int=1),
        letter=SimpleNamespace(notice=notice),
        clinic_id="zz",
        notice_id=UUID(int=2),
        referral_status="received",
        waiting_on="pharmacy",
        event_type="referral.received.v1",
        happened_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    posted = json.loads(payload(said, referral_url="https://zz/{referral_id}"))
    assert (set(shown), set(shown["data"])) == (set(posted), set(posted["data"]))


@pytest.mark.parametrize(
    ("milestone", "profile"),
    [
        ("prior_authorization_changed", "oru"),
        ("prior_authorization_changed", "mdm"),
        ("referral_received", "rri"),
        ("referral_declined", "osu"),
        ("referral_scheduled", "siu"),
    ],
)
def test_the_messages_in_the_guide_are_those_that_the_code_makes(milestone, profile):
    row = row_of(milestone, profile)
    assert row is not None
    guide = (ROOT / "docs" / "guide" / "connect-an-emr.md").read_text()
    assert hl7_sent.shown(hl7_sent.sample(row)) in guide
