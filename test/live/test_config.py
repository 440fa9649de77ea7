# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The files for other people's programs: alerts, analyzers, an RViz view and a Foxglove layout name what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package

from fallback_guard import msg
from fallback_guard.live.heard import Part
from fallback_guard.live.metrics import BoardCollector, Metrics
from fallback_guard.live.metrics_tables import Scrape
from fallback_guard.nodes import topics
from fallback_guard.nodes.marker_messages import MAP_MARKERS, MARKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG: Final = Path(__file__).parents[2] / "config"
ALERTS: Final = yaml.safe_load((CONFIG / "prometheus_alerts.yaml").read_text(encoding="utf-8"))
RULES: Final = [rule for group in ALERTS["groups"] for rule in group["rules"]]
LAYOUT: Final = json.loads((CONFIG / "foxglove_layout.json").read_text(encoding="utf-8"))
RVIZ: Final = yaml.safe_load((CONFIG / "fallback_guard.rviz").read_text(encoding="utf-8"))
AGGREGATOR: Final = yaml.safe_load(
    (CONFIG / "diagnostics_aggregator.yaml").read_text(encoding="utf-8")
)


# Prometheus.


def metric_names() -> set[str]:
    """Return every name that a scrape may hold."""
    metrics = Metrics(["a"], robots_max=1)
    metrics.registry.register(BoardCollector(Scrape(boards=metrics.boards, clock=lambda: 0)))
    names: set[str] = set()
    for family in metrics.registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        names |= {f"{family.name}{suffix}" for suffix in suffixes.get(family.type, ("",))}
    return names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_metrics_that_exist(rule: dict[str, str]) -> None:
    recorded = {each["record"] for each in RULES if "record" in each}
    named = set(re.findall(r"\bfallback_guard[a-z0-9_:]+", rule["expr"]))
    assert named
    assert named <= metric_names() | recorded


def test_an_alert_says_what_to_do() -> None:
    alerts = [rule for rule in RULES if "alert" in rule]
    assert len(alerts) > 10
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket", "info"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}
        assert "for" in rule


def test_burn_rates_are_those_of_the_method() -> None:
    """The share of the budget, times 28 days, by the long window; the short one is a twelfth of it."""
    hours = {"5m": 1 / 12, "30m": 0.5, "1h": 1, "2h": 2, "6h": 6, "1d": 24, "3d": 72}
    shares = {"1h": 0.02, "6h": 0.05, "1d": 0.1, "3d": 0.1}
    burning = [rule for rule in RULES if rule.get("alert", "").startswith("FallbackGuardBudget")]
    for rule in burning:
        (long, burn), (short, same) = re.findall(r"rate(\w+) > ([\d.]+) \* 0\.001", rule["expr"])
        assert burn == same
        assert float(burn) == pytest.approx(shares.pop(long) * 28 * 24 / hours[long], rel=1e-4)
        assert hours[short] == pytest.approx(hours[long] / 12)
    assert shares == {}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", str(CONFIG / "prometheus_alerts.yaml")),
        ("test", "rules", str(Path(__file__).with_name("prometheus_alerts_test.yaml"))),
    ],
    ids=" ".join,
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [shutil.which("promtool") or "promtool", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# diagnostic_aggregator.


def analyzers_of(name: str) -> list[str]:
    """Return which analyzers would take a status, by the rules of GenericAnalyzer."""
    parameters = AGGREGATOR["analyzers"]["ros__parameters"]
    return [
        key
        for key, value in parameters.items()
        if isinstance(value, dict) and any(text in name for text in value["contains"])
    ]


@pytest.mark.parametrize("namespace", ["", "/picker_1", "/hall/picker_1"])
@pytest.mark.parametrize("part", Part)
def test_each_status_has_one_analyzer(part: Part, namespace: str) -> None:
    """What the nodes really publish is held to the names of Part in test/nodes."""
    assert analyzers_of(f"{namespace}/{part.value}") == [part.name.lower()]


def test_analyzers_are_of_the_kind_that_exists() -> None:
    parameters = dict(AGGREGATOR["analyzers"]["ros__parameters"])
    assert isinstance(parameters.pop("path"), str)
    assert isinstance(parameters.pop("pub_rate"), float)
    for value in parameters.values():
        assert value["type"] == "diagnostic_aggregator/GenericAnalyzer"
        assert value.keys() == {"type", "path", "contains", "timeout"}
        assert isinstance(value["timeout"], float)
    assert analyzers_of("/guard_node: something else") == []


# RViz.


def test_the_view_shows_both_topics_as_they_are_offered() -> None:
    displays = RVIZ["Visualization Manager"]["Displays"]
    shown = {
        each["Topic"]["Value"]: each["Topic"]
        for each in displays
        if each["Class"] == "rviz_default_plugins/MarkerArray"
    }
    assert set(shown) == {f"/{topic.name}" for topic in (MARKERS, MAP_MARKERS)}
    for topic in (MARKERS, MAP_MARKERS):
        asked = shown[f"/{topic.name}"]
        assert asked["Depth"] == topic.qos.depth
        assert asked["Reliability Policy"] == topic.qos.reliability.name.title()
        assert asked["Durability Policy"] == topic.qos.durability.name.replace("_", " ").title()
    assert RVIZ["Visualization Manager"]["Global Options"]["Fixed Frame"] == "map"


# Foxglove.


def panels_laid_out(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        assert node["direction"] in ("row", "column")
        assert 0 < node["splitPercentage"] < 100
        for side in ("first", "second"):
            yield from panels_laid_out(node[side])


def test_every_panel_is_laid_out_once() -> None:
    assert sorted(panels_laid_out(LAYOUT["layout"])) == sorted(LAYOUT["configById"])
    kinds = {name.partition("!")[0] for name in LAYOUT["configById"]}
    assert kinds >= {"3D", "Plot", "StateTransitions", "RawMessages", "Table", "DiagnosticSummary"}


def paths_named() -> Iterator[str]:
    for panel in LAYOUT["configById"].values():
        yield from (each["value"] for each in panel.get("paths", ()))
        yield from (panel[key] for key in ("topicPath", "topicToRender") if key in panel)
        yield from panel.get("topics", ())


@pytest.mark.parametrize("path", [path for path in paths_named() if path.startswith("/")])
def test_a_path_leads_to_a_field_that_exists(path: str) -> None:
    known = {
        f"/{topic.name.lstrip('/')}": topic.type
        for topic in (
            topics.MOTION,
            topics.GUARD_DECISION,
            topics.GUARD_STATE,
            topics.DIAGNOSTICS,
            MARKERS,
            MAP_MARKERS,
        )
    }
    found = re.fullmatch(r"(/[\w/]+)(?:\{(\w+)==\d+\})?(?:\.(\w+)(?:\[:\])?)?", path)
    assert found is not None
    topic, filtered, field = found.groups()
    fields = known[topic].get_fields_and_field_types()
    assert {name for name in (filtered, field) if name} <= fields.keys()


def test_the_deadline_is_a_line_in_the_plot() -> None:
    (plot,) = (each for name, each in LAYOUT["configById"].items() if name.startswith("Plot!"))
    assert "0.15" in [each["value"] for each in plot["paths"]]
    types = msg.GuardDecision.get_fields_and_field_types()
    assert types["time_to_decision"] == "builtin_interfaces/Duration"
