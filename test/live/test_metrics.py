# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told, and that no client of the port can hold it up."""

from __future__ import annotations

import http.client
import re
import socket
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind
from fallback_guard.core.parameters import ParameterError
from fallback_guard.live import metrics_server
from fallback_guard.live.config import metrics_config, namespaces_named
from fallback_guard.live.heard import DRILL, NAMESPACES_MAX, OTHER, WATCHDOG, Level, Part
from fallback_guard.live.metrics import BoardCollector, Metrics
from fallback_guard.live.metrics_server import CONNECTIONS_MAX, MetricsServer
from fallback_guard.live.metrics_tables import Scrape
from made import REFUSAL, ROUTE, SAFE_MOVE, STATE, S, moved, planner, rung_values, status

if TYPE_CHECKING:
    from collections.abc import Iterator

GUARD: Final = {"guard": "/hall_1"}


def made(*, robots_max: int = 100, now_ns: int = 0) -> Metrics:
    metrics = Metrics(["hall_1"], robots_max=robots_max)
    metrics.registry.register(BoardCollector(Scrape(boards=metrics.boards, clock=lambda: now_ns)))
    return metrics


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    value = metrics.registry.get_sample_value(name, {**GUARD, **labels})
    return None if value is None else float(value)


# What is told.


def test_a_due_request_is_counted_once_with_its_service() -> None:
    metrics = made()
    metrics.on_decision("hall_1", ROUTE, 0)
    metrics.on_decision("hall_1", replace(SAFE_MOVE, request_id="R-2"), 0)
    metrics.on_decision("hall_1", replace(SAFE_MOVE, request_id="R-3", source=WATCHDOG), 0)
    metrics.settle(9 * S)
    told = {
        service: sample(metrics, "fallback_guard_due_requests_total", service=service)
        for service in ("good", "late", "unanswered", "halted")
    }
    assert told == {"good": 1.0, "late": 0.0, "unanswered": 1.0, "halted": 1.0}
    name = "fallback_guard_decisions_total"
    labels = {"occasion": "due", "outcome": "safe_move", "failure_mode": "PLANNER_SILENT"}
    assert sample(metrics, name, **labels) == 2.0


def test_latency_has_an_edge_at_the_deadline() -> None:
    metrics = made()
    for taken_ms in (149.9, 150.0, 150.1):
        decision = replace(SAFE_MOVE, handed_over_ns=round(taken_ms * 1e6))
        metrics.on_decision("hall_1", decision, 0)
    name, labels = "fallback_guard_decision_seconds_bucket", {"outcome": "safe_move"}
    assert sample(metrics, name, le="0.15", **labels) == 2.0
    assert sample(metrics, name, le="+Inf", **labels) == 3.0


def test_a_drill_is_in_no_objective_and_no_latency() -> None:
    metrics = made()
    drill = replace(SAFE_MOVE, failure_mode=DRILL)
    metrics.on_decision("hall_1", drill, 0)
    metrics.on_decision("hall_1", replace(drill, occasion=Occasion.RECOVERY), 0)
    metrics.settle(9 * S)
    assert sample(metrics, "fallback_guard_drills_total") == 1.0
    assert sample(metrics, "fallback_guard_due_requests_total", service="halted") == 0.0
    name = "fallback_guard_decision_seconds_count"
    assert sample(metrics, name, outcome="safe_move") is None


def test_planning_is_not_counted_twice() -> None:
    metrics = made()
    metrics.on_decision("hall_1", REFUSAL, 0)
    metrics.on_decision("hall_1", replace(SAFE_MOVE, planning_ns=REFUSAL.planning_ns), 0)
    assert sample(metrics, "fallback_guard_planning_seconds_count") == 1.0


def test_a_guard_is_up_while_it_gives_signs_of_life() -> None:
    for now_ns, is_up in ((S, 1.0), (S + 1, 0.0)):
        metrics = made(now_ns=now_ns)
        assert sample(metrics, "fallback_guard_up") == 0.0
        assert sample(metrics, "fallback_guard_heartbeat_age_seconds") is None
        metrics.on_state("hall_1", replace(STATE, latched=frozenset("ab")), 0)
        assert sample(metrics, "fallback_guard_up") == is_up
        assert sample(metrics, "fallback_guard_heartbeat_age_seconds") == now_ns / S
        assert sample(metrics, "fallback_guard_latched_robots") == 2.0


def test_halts_breakers_and_parts_are_told() -> None:
    metrics = made(now_ns=3 * S)
    metrics.on_motion("hall_1", moved(MotionKind.SAFE_MOVE), S)
    metrics.on_status(replace(status(Part.WATCHDOG, Level.WARN), namespace="hall_1"), 0)
    metrics.on_status(replace(planner(rung_values("a", "OPEN")), namespace="hall_1"), 0)
    metrics.on_status(replace(status(Part.WATCHDOG, Level.ERROR), namespace="elsewhere"), 0)
    assert sample(metrics, "fallback_guard_halts_total") == 1.0
    assert sample(metrics, "fallback_guard_halted_seconds_total") == 2.0
    assert sample(metrics, "fallback_guard_robots_halted") == 1.0
    assert sample(metrics, "fallback_guard_status_level", part="watchdog") == 1.0
    assert sample(metrics, "fallback_guard_planner_breaker", rung="a", state="open") == 1.0
    kinds = {"rung": "a", "kind": "refused"}
    assert sample(metrics, "fallback_guard_planner_unusable_answers_total", **kinds) == 2.0


def test_labels_are_bounded() -> None:
    metrics = made(robots_max=2)
    for name in ("a", "b", "c", "no name", "x" * 65, "request\n1"):
        decision = replace(
            ROUTE, robot_id=name, request_id=f"R-{name}", failure_mode=name, source=name
        )
        metrics.on_decision("hall_1", decision, 0)
    text = b"".join(_exposed(metrics)).decode()
    assert set(re.findall(r'robot="([^"]*)"', text)) == {"a", "b", OTHER}
    assert set(re.findall(r'failure_mode="([^"]*)"', text)) == {OTHER}
    assert "R-" not in text


def test_names_follow_the_conventions() -> None:
    """Of Prometheus: base units, one prefix, _total for counters alone, and a help for each."""
    metrics = made(now_ns=S)
    metrics.on_decision("hall_1", SAFE_MOVE, 0)
    metrics.on_state("hall_1", STATE, 0)
    families = list(text_string_to_metric_families(b"".join(_exposed(metrics)).decode()))
    assert len(families) > 20
    for family in families:
        assert re.fullmatch(r"fallback_guard(_[a-z0-9]+)+", family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert not re.search(r"_(ms|ns|milliseconds|count|created)$", family.name), family.name
        for each in family.samples:
            assert each.name.endswith("_total") == (family.type == "counter"), each.name
            assert each.labels.keys() >= GUARD.keys()


def _exposed(metrics: Metrics) -> Iterator[bytes]:
    from prometheus_client import generate_latest  # noqa: PLC0415

    yield generate_latest(metrics.registry)


# The parameters.


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "-p port:=9464"),
        ({"port": 65_536}, "0 to 65535"),
        ({"port": 9_464, "address": "localhost"}, "an IP address"),
        ({"port": 9_464, "address": "0.0.0.0\n"}, "an IP address"),
    ],
)
def test_what_cannot_be_used_names_the_remedy(given: dict[str, object], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        metrics_config(given)


def test_namespaces_are_a_list_or_the_nodes_own() -> None:
    assert namespaces_named("", "/hall/picker_1") == ("hall/picker_1",)
    assert namespaces_named(" /a, b/ ,a", "/") == ("a", "b")
    for text in (
        "a,-",
        "1a",
        "a//b",
        "x" * 201,
        ",".join(f"n{n}" for n in range(NAMESPACES_MAX + 1)),
    ):
        with pytest.raises(ParameterError, match="namespaces"):
            namespaces_named(text, "/")


# The port.


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    """Return a server on a free port."""
    metrics = made()
    metrics.on_state("hall_1", STATE, 0)
    running = MetricsServer("127.0.0.1", 0, metrics.registry)
    running.start()
    yield running
    running.close()


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=10.0)


def scrape(server: MetricsServer, method: str = "GET") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10.0)) as each:
        each.request(method, "/metrics")
        answer = each.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n",
        b"GET /metrics?name[]=%ff&name[]=%00 HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nAccept: \xff\xfe\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_a_bad_request_leaves_the_next_one_served(server: MetricsServer, sent: bytes) -> None:
    with connect(server) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        try:
            while client.recv(65_536):
                pass
        except ConnectionResetError:
            pass
    status_code, body = scrape(server)
    assert status_code == 200
    assert b'fallback_guard_up{guard="/hall_1"}' in body


def test_only_reading_is_answered(server: MetricsServer) -> None:
    assert scrape(server, "DELETE")[0] in (200, 405)


def test_more_connections_than_are_served_are_closed(server: MetricsServer) -> None:
    clients = [connect(server) for _ in range(CONNECTIONS_MAX * 3)]
    try:
        assert clients[-1].recv(1) == b""
    except ConnectionResetError:
        pass
    finally:
        for client in clients:
            client.close()
    _wait_until_served(server)


def test_a_slow_client_is_cut_off_however_busily_it_sends(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "CONNECTION_S_MAX", 0.5)
    with connect(server) as client:
        client.sendall(b"GET /")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            while True:
                client.sendall(b"a")
                time.sleep(0.02)
    _wait_until_served(server)


def test_a_taken_port_is_an_error_before_anything_is_served(server: MetricsServer) -> None:
    with pytest.raises(OSError, match="in use"):
        MetricsServer("127.0.0.1", server.server_port, made().registry)


def _wait_until_served(server: MetricsServer) -> None:
    for _ in range(100):
        try:
            if scrape(server)[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
        except http.client.HTTPException:
            time.sleep(0.05)
    pytest.fail("not served any more")
