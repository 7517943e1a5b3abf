"""The Kubernetes manifests: valid, restricted, and fitting together."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = FOLDER / "kustomization.yaml"
FILES = sorted(set(FOLDER.glob("*.yaml")) - {KUSTOMIZATION})
OBJECTS: list[dict[str, Any]] = [
    told for file in FILES for told in yaml.safe_load_all(file.read_text())
]
SERVICES = ("emr-bridge", "intake", "notifications")


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {told["metadata"]["name"]: told for told in OBJECTS if told["kind"] == kind}


WORKLOADS = of_kind("Deployment") | of_kind("Job")


def pod(name: str) -> dict[str, Any]:
    told: dict[str, Any] = WORKLOADS[name]["spec"]["template"]["spec"]
    return told


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    told: dict[str, Any] = only
    return told


def given(name: str) -> list[str]:
    """The environment variables of a workload."""
    maps, secrets = of_kind("ConfigMap"), of_kind("Secret")
    told: list[str] = []
    for source in container(name)["envFrom"]:
        if "configMapRef" in source:
            told += maps[source["configMapRef"]["name"]]["data"]
        else:
            told += secrets[source["secretRef"]["name"]]["stringData"]
    return told


def test_every_manifest_is_strictly_valid():
    checker = str(Path(sys.executable).with_name("kubernetes-validate"))
    command = [checker, "--strict", "--quiet", *map(str, FILES)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelt_field_would_be_found(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((FOLDER / "intake.yaml").read_text().replace("readinessProbe", "readyProbe"))
    checker = str(Path(sys.executable).with_name("kubernetes-validate"))
    done = subprocess.run(
        [checker, "--strict", wrong], check=False, capture_output=True, timeout=60
    )
    assert done.returncode != 0


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_every_pod_is_restricted(name):
    told, only = pod(name), container(name)
    assert told["automountServiceAccountToken"] is False
    assert told["securityContext"]["runAsNonRoot"] is True
    assert told["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in only["volumeMounts"]] == ["/tmp"]
    assert {"cpu", "memory"} <= set(only["resources"]["requests"])
    assert "memory" in only["resources"]["limits"]


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_every_pod_is_given_settings_that_its_service_reads(name, settings_of):
    every = frozenset().union(*settings_of.values())
    told = given(name)
    assert len(told) == len(set(told))
    assert set(told) <= settings_of.get(name.removesuffix("-migration"), every)
    assert {"EVENT_LOG_URL", "SEALING_KEYS"} <= set(told)


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_asked_for_life_and_readiness_at_its_port(service, ports):
    only = container(service)
    assert {"name": "http", "containerPort": ports[service]} in only["ports"]
    asked = {probe: only[probe]["httpGet"] for probe in only if probe.endswith("Probe")}
    assert asked == {
        "startupProbe": {"path": "/livez", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    annotations = WORKLOADS[service]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(ports[service])


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_keeps_two_replicas_and_one_through_a_disruption(service):
    scaler = of_kind("HorizontalPodAutoscaler")[service]["spec"]
    assert scaler["scaleTargetRef"]["name"] == service
    assert scaler["minReplicas"] >= 2
    assert "replicas" not in WORKLOADS[service]["spec"]
    assert of_kind("PodDisruptionBudget")[service]["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("service", SERVICES)
def test_everything_that_selects_a_services_pods_finds_them_and_not_its_migration(service):
    labels = WORKLOADS[service]["spec"]["template"]["metadata"]["labels"]
    migration = WORKLOADS[f"{service}-migration"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        WORKLOADS[service]["spec"]["selector"]["matchLabels"],
        of_kind("Service")[service]["spec"]["selector"],
        of_kind("PodDisruptionBudget")[service]["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")[service]["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= migration.items()


@pytest.mark.parametrize("service", SERVICES)
def test_services_and_policies_name_ports_that_the_pod_has(service):
    names = {port["name"] for port in container(service)["ports"]}
    assert {p["targetPort"] for p in of_kind("Service")[service]["spec"]["ports"]} == names
    policy = of_kind("NetworkPolicy")[service]["spec"]
    assert {p["port"] for rule in policy["ingress"] for p in rule["ports"]} == names


def test_nothing_goes_in_or_out_unless_a_policy_names_it():
    policies = of_kind("NetworkPolicy")
    deny = policies.pop("default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies.values():
        for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", []):
            assert rule["ports"]
            assert rule.get("from") or rule.get("to")


def test_every_pod_may_reach_databases_and_log():
    policy = of_kind("NetworkPolicy")["databases-and-log"]["spec"]
    for told in WORKLOADS.values():
        labels = told["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_is_migrated_by_its_own_image(service):
    job = container(f"{service}-migration")
    assert job["image"] == container(service)["image"]
    assert job["args"] == ["migrate"]


def test_the_template_of_secrets_holds_none():
    for secret in of_kind("Secret").values():
        for value in secret["stringData"].values():
            assert re.search(r"<[^>]+>", value)


def test_kustomize_applies_all_but_the_secrets_and_what_goes_before():
    listed = yaml.safe_load(KUSTOMIZATION.read_text())["resources"]
    assert {file.name for file in FILES} - set(listed) == {
        "prepare.yaml",
        "secrets.template.yaml",
    }
    assert all((FOLDER / name).exists() for name in listed)
