"""The dashboard and the alert rules ask for figures that /metrics has, by labels that those have."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tandem.telemetry.metrics import Metrics

from ..architecture.test_documents import OPERATIONS, rows
from ..architecture.tree import ROOT
from ..kit.tables import each

pytestmark = pytest.mark.promise("X4")

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "deploy/grafana/tandem.json").read_text("utf-8"))
ASKED = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{f"{one['title']} {target['refId']}": target["expr"] for one in DASHBOARD["panels"] for target in one["targets"]},
}


def figures() -> Mapping[str, frozenset[str]]:
    """Return the labels of each series that /metrics shows, by its name."""
    found: dict[str, frozenset[str]] = {}
    metrics = Metrics()
    of = {name: labels for one in _collectors(metrics) for name, labels in one.items()}
    for family in metrics.registry.collect():
        labels = of[family.name]
        if family.type == "counter":
            found[f"{family.name}_total"] = labels
        elif family.type == "histogram":
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            found[f"{family.name}_bucket"] = labels | {"le"}
        else:
            found[family.name] = labels
    return found


def _collectors(metrics: Metrics) -> list[dict[str, frozenset[str]]]:
    """Return the labels of every figure; the library names them at the figure, not in what it shows."""
    return [{one._name: frozenset(one._labelnames)} for one in vars(metrics.registry)["_collector_to_names"]]


KNOWN = figures()


@each("what", ASKED)
def test_every_figure_that_is_asked_for_is_there_with_its_labels(what: str) -> None:
    expression = ASKED[what]
    names = set(re.findall(r"\btandem_\w+", expression))
    assert names, expression
    assert names - KNOWN.keys() == set()
    labels = frozenset().union(*(KNOWN[name] for name in names))
    chosen = {label for part in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[=!]", part)}
    grouped = {label.strip() for part in re.findall(r"by \(([^)]*)\)", expression) for label in part.split(",")}
    assert (chosen | grouped) - labels == set()


def test_every_figure_is_drawn_somewhere() -> None:
    asked = {name for expression in ASKED.values() for name in re.findall(r"\btandem_\w+", expression)}
    assert {name for name in KNOWN if not name.endswith(("_sum", "_count"))} - asked == set()


def test_legends_name_labels_that_are_left() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) - {"instance"}
            grouped = {
                label.strip() for part in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in part.split(",")
            }
            assert named <= grouped, panel["title"]


def test_the_rules_are_those_of_the_operators_page() -> None:
    page = {condition.strip("`"): meaning for condition, meaning in rows(OPERATIONS, "When")}
    assert {rule["expr"]: rule["annotations"]["summary"] for rule in RULES} == {
        condition: meaning.replace("`", "") for condition, meaning in page.items()
    }
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    assert {rule["labels"]["severity"] for rule in RULES} == {"critical", "warning"}


def test_panels_are_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert [panel["id"] for panel in DASHBOARD["panels"]] == list(range(1, len(DASHBOARD["panels"]) + 1))


def test_prometheus_reads_the_rules_where_they_are_mounted() -> None:
    files = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text("utf-8"))["rule_files"]
    composed = yaml.safe_load((ROOT / "deploy/compose.replicas.yaml").read_text("utf-8"))
    mounted = [volume.split(":")[:2] for volume in composed["services"]["prometheus"]["volumes"]]
    for name in files:
        assert [f"./{name}", f"/etc/prometheus/{name}"] in mounted
        assert (ROOT / "deploy" / name).is_file()
