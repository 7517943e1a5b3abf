"""The generated pages: current, and named when they are not."""

import json
from pathlib import Path

import pytest

from embedded import reference

PAGES = Path(__file__).parents[2] / "docs/reference"


def test_a_stale_page_is_named_and_left_alone_by_the_check(tmp_path, capsys):
    assert reference.main(["--check"], tmp_path) == 1
    assert "settings.md" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert reference.main([], tmp_path) == 0
    assert reference.main(["--check"], tmp_path) == 0


def test_every_setting_has_a_meaning():
    rows = [line for line in reference.settings_page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []


SERVICES = ("intake", "emr-bridge", "notifications")


@pytest.mark.parametrize("service", SERVICES)
def test_no_name_in_an_api_tells_where_its_code_lies(service):
    schemas = document_of(service)["components"]["schemas"]
    assert [name for name in schemas if "__" in name or "-" in name] == []


def test_what_is_posted_to_partners_is_described_by_what_is_posted():
    document = document_of("notifications")
    told = document["webhooks"]["notice"]["post"]
    assert told["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/WebhookBody"
    }
    headers = {parameter["name"] for parameter in told["parameters"] if parameter["required"]}
    assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert "5 s, 5 min, 30 min, 2 h" in told["description"]
    assert {"2XX", "410", "429", "503", "default"} <= set(told["responses"])


def document_of(service):
    return json.loads((PAGES / "openapi" / f"{service}.json").read_text())
