"""The Kubernetes manifests fit each other and the program, and give away no more than they must."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tandem import __version__
from tandem.conversation.base import EngineLimits
from tandem.settings import Settings, load_settings
from tandem.telemetry.metrics import Metrics

from ..architecture.tree import ROOT
from ..kit.tables import each

pytestmark = pytest.mark.promise("X2")

FOLDER = ROOT / "deploy/kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
OBJECTS: list[dict[str, Any]] = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
]
DRAINED = int(Settings().drain_seconds) + 45
VERSIONS = {
    "Namespace": "v1", "ConfigMap": "v1", "Service": "v1", "Deployment": "apps/v1", "CronJob": "batch/v1",
    "PodDisruptionBudget": "policy/v1", "HorizontalPodAutoscaler": "autoscaling/v2",
    "NetworkPolicy": "networking.k8s.io/v1", "Ingress": "networking.k8s.io/v1",
}  # fmt: skip
"""Kinds that are used, and the version of the API in which each is stable."""


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [one for one in OBJECTS if one["kind"] == kind]
    return found


def pods() -> Iterator[dict[str, Any]]:
    yield of_kind("Deployment")["spec"]["template"]
    yield of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]


def gateway() -> Mapping[str, Any]:
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    return container


SETTINGS: Mapping[str, str] = of_kind("ConfigMap")["data"]


def test_every_file_is_applied_and_every_object_is_of_a_stable_kind() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*KUSTOMIZATION["resources"], "kustomization.yaml"}
    assert {one["kind"]: one["apiVersion"] for one in OBJECTS} == VERSIONS
    names = [(one["kind"], one["metadata"]["name"]) for one in OBJECTS]
    assert len(names) == len(set(names))


def test_the_settings_start_a_gateway_together_with_the_secrets() -> None:
    assert all(isinstance(value, str) for value in SETTINGS.values())  # a number would be refused
    secrets = {"OPENAI_API_KEY": "sk-1", "TWILIO_ACCOUNT_SID": "AC" + "1" * 32, "TWILIO_AUTH_TOKEN": "a",
               "STAFF_TOKENS": "anna:a-token-of-48-characters", "POSTGRES_PASSWORD": "p"}  # fmt: skip
    settings = load_settings({**SETTINGS, **secrets}, env_file=None)
    assert settings.notices == ()
    assert settings.production


def test_no_secret_stands_in_a_file() -> None:
    hidden = {name for name, field in Settings.variables().items() if "Secret" in str(field.annotation)}
    assert hidden & SETTINGS.keys() == set()
    assert [one["kind"] for one in OBJECTS if one["kind"] == "Secret"] == []


def test_ports_are_those_of_the_settings_and_are_named_alike() -> None:
    ports = {one["name"]: one["containerPort"] for one in gateway()["ports"]}
    assert ports == {"http": int(SETTINGS["PORT"]), "metrics": int(SETTINGS["METRICS_PORT"])}
    (served,) = of_kind("Service")["spec"]["ports"]
    assert served["targetPort"] in ports
    (rule,) = of_kind("Ingress")["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": of_kind("Service")["metadata"]["name"], "port": {"name": served["name"]}}
    rules = of_kind("NetworkPolicy")["spec"]["ingress"]
    opened = {port["port"]: "from" in rule for rule in rules for port in rule["ports"]}
    assert opened == {ports["http"]: False, ports["metrics"]: True}


def test_whatever_selects_pods_selects_the_gateways() -> None:
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        of_kind("Deployment")["spec"]["selector"]["matchLabels"],
        of_kind("Service")["spec"]["selector"],
        of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    assert of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] != labels
    scaled = of_kind("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert scaled == {"apiVersion": "apps/v1", "kind": "Deployment", "name": of_kind("Deployment")["metadata"]["name"]}


def test_probes_ask_what_exists_and_a_gateway_that_drains_is_not_killed() -> None:
    paths = {name: gateway()[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {
        "startupProbe": {"path": "/health", "port": "http"},
        "readinessProbe": {"path": "/health/ready", "port": "http"},
        "livenessProbe": {"path": "/health", "port": "http"},
    }
    health = (ROOT / "src/health.py").read_text("utf-8")
    assert all(f'Route("{one["path"]}", ' in health for one in paths.values())
    grace = of_kind("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace == int(SETTINGS["DRAIN_SECONDS"]) + 45 == DRAINED
    readiness = gateway()["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < int(SETTINGS["DRAIN_SECONDS"])


def test_a_gateway_leaves_only_when_another_one_is_there() -> None:
    deployment = of_kind("Deployment")["spec"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert of_kind("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    scaling = of_kind("HorizontalPodAutoscaler")["spec"]
    assert 2 <= scaling["minReplicas"] == deployment["replicas"] <= scaling["maxReplicas"]


def test_it_scales_by_figures_that_there_are_and_before_a_replica_is_full() -> None:
    families = {one.name for one in text_string_to_metric_families(Metrics().text().decode())}
    asked = {
        one["pods"]["metric"]["name"]: int(one["pods"]["target"]["averageValue"])
        for one in of_kind("HorizontalPodAutoscaler")["spec"]["metrics"]
    }
    assert asked.keys() <= families
    assert asked["tandem_open_calls"] < int(SETTINGS["MAX_CALLS"])
    assert asked["tandem_turns_running"] < EngineLimits().workers


@each("pod", list(pods()))
def test_it_runs_as_nobody_writes_nowhere_else_and_may_nothing(pod: Mapping[str, Any]) -> None:
    spec = pod["spec"]
    image = (ROOT / "deploy/Dockerfile").read_text("utf-8")
    assert f"--uid {spec['securityContext']['runAsUser']} " in image
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounted.keys() == {one["name"] for one in spec["volumes"]}
    assert mounted["data"] == "/data"
    assert "WORKDIR /data\n" in image
    given = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert given == ["tandem-settings", "tandem-secrets"]
    assert container["image"] in {one["name"] for one in KUSTOMIZATION["images"]}


def test_articles_are_where_the_settings_look_for_them() -> None:
    mounted = {one["mountPath"] for one in gateway()["volumeMounts"]}
    assert SETTINGS["KNOWLEDGE_DIR"] in mounted


def test_the_host_is_that_of_the_public_address_and_calls_are_kept() -> None:
    ingress = of_kind("Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert f"https://{rule['host']}" == SETTINGS["PUBLIC_BASE_URL"]
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    notes = ingress["metadata"]["annotations"]
    assert int(notes["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > Settings().call_max_seconds
    assert notes["nginx.ingress.kubernetes.io/enable-access-log"] == "false"
    assert all(isinstance(value, str) for value in notes.values())


def test_the_image_is_of_this_version_and_its_commands_exist() -> None:
    assert [one["newTag"] for one in KUSTOMIZATION["images"]] == [__version__]
    started = [pod["spec"]["containers"][0]["args"][0] for pod in pods()]
    assert started == ["serve", "cleanup"]


def test_kustomize_builds_it(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed here")
    done = subprocess.run([kubectl, "kustomize", FOLDER], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(OBJECTS)
    assert {one["metadata"].get("namespace", "tandem") for one in built} == {"tandem"}
