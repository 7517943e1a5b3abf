"""Rules, dashboard and scrape: accepted by promtool, and about metrics that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

from common import metrics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
TESTS = sorted((FOLDER / "tests").glob("*.test.yaml"))
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
DASHBOARD: dict[str, Any] = json.loads(DASHBOARDS[0].read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

BY_PROMETHEUS = {"up", "ALERTS"}
"""What Prometheus itself keeps."""


def alerts() -> Iterator[dict[str, Any]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def expressions() -> Iterator[str]:
    """Every expression, with the dashboard's own variable put in."""
    yield from (alert["expr"] for alert in alerts())
    for panel in PANELS:
        yield from (target["expr"].replace("$__range", "1d") for target in panel["targets"])
    yield from (a["expr"] for a in DASHBOARD["annotations"]["list"])


def exported() -> dict[str, set[str]]:
    """The names of all samples that a service can export, with their labels."""
    assert metrics.promises
    known: dict[str, set[str]] = {name: {"job", "instance"} for name in BY_PROMETHEUS}
    known["ALERTS"] |= {"alertname", "alertstate", "severity"}
    for collector in list(prometheus_client.REGISTRY._collector_to_names):
        names = prometheus_client.REGISTRY._collector_to_names[collector]
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            known[name] = labels | {"job", "instance"}
    return known


def without_strings(expression: str) -> str:
    return re.sub(r'"[^"]*"', '""', expression)


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip(
            "promtool is not here: rules and their tests were NOT checked (Debian: prometheus)"
        )
    return found


def run(*command: object, given: bytes = b"", cwd: Path = FOLDER) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        input=given,
        check=False,
        capture_output=True,
        cwd=cwd,
        timeout=60,
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_promtool_takes_the_scrape_configuration_and_finds_the_rules(promtool):
    said = run(promtool, "check", "config", "prometheus.yaml")
    assert f"{len(RULES)} rule files found" in said


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_alerts_go_off_when_they_should_and_else_not(promtool, file):
    run(promtool, "test", "rules", file)


def test_every_expression_of_the_dashboard_can_be_evaluated(promtool, tmp_path):
    rules = [{"record": f"e{n}", "expr": expr} for n, expr in enumerate(expressions())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    run(promtool, "check", "rules", file)


def test_every_alert_is_named_in_a_test():
    tested = "".join(file.read_text() for file in TESTS)
    assert [a["alert"] for a in alerts() if a["alert"] not in tested] == []


def test_promtool_has_nothing_to_say_about_the_metrics_page(promtool):
    said = run(promtool, "check", "metrics", given=prometheus_client.generate_latest())
    assert said == ""


def test_every_metric_that_is_asked_for_is_exported():
    known = exported()
    for expression in expressions():
        plain = without_strings(expression)
        asked = set(re.findall(r"\b(?:referral|process|python)_\w+\b|\bup\b|\bALERTS\b", plain))
        assert asked, expression
        assert asked <= set(known), asked - set(known)


def test_every_label_that_is_asked_for_is_exported():
    known = exported()
    for expression in expressions():
        for name, inside in re.findall(r"(\w+)\{([^}]*)\}", without_strings(expression)):
            labels = set(re.findall(r"(\w+)\s*(?:=|!)", inside))
            assert labels <= known[name], f"{name}: {labels - known[name]}"
        names = set(re.findall(r"\b(?:referral|process)_\w+\b|\bup\b|\bALERTS\b", expression))
        grouped = {
            label.strip()
            for found in re.findall(r"\bby \(([^)]*)\)", expression)
            for label in found.split(",")
        }
        assert grouped <= set().union(*(known[name] for name in names)) | {"le"}


def test_every_alert_says_what_it_means_and_what_to_do():
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names))
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        assert all(text.strip() for text in alert["annotations"].values())


def test_the_dashboard_answers_the_three_questions():
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Are promises kept?", "Where is it stuck?", "Who is down?"]
    assert len(DASHBOARDS) == 1


def test_every_panel_is_explained_and_asks_the_provisioned_source():
    (source,) = yaml.safe_load(
        (FOLDER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    for panel in PANELS:
        assert panel["description"]
        assert panel["targets"]
        assert {t["datasource"]["uid"] for t in panel["targets"]} == {source["uid"]}


def test_panels_have_their_own_id_and_place():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + dx, place["y"] + dy)
            for dx in range(place["w"])
            for dy in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_service_is_scraped_at_its_port_under_its_name(ports):
    told = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    scraped = {job["job_name"]: job["dns_sd_configs"][0] for job in told}
    assert {name: sd["port"] for name, sd in scraped.items()} == dict(ports)
    assert all(sd["names"] == [name] for name, sd in scraped.items())
