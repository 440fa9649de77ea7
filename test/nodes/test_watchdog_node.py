"""The watchdog as a process: it says when a guard has died or hangs, and when it is back."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from fallback_guard import msg
from fallback_guard.nodes import topics

if TYPE_CHECKING:
    from harness import Scene

OK, WARN, ERROR = b"\0", b"\1", b"\2"
STATUS: Final = "/watchdog_node: guard"
LIFE_SIGNS: Final = 5


def wait_for_status(scene: Scene, level: bytes, message: str) -> None:
    """Wait until the newest diagnostics of the watchdog say this."""

    def newest() -> tuple[bytes, str]:
        for heard in reversed(scene.bystander.diagnostics):
            for status in heard.message.status:
                if status.name == STATUS:
                    return status.level, status.message
        return b"", ""

    scene.bystander.wait_until(lambda: newest() == (level, message), f"diagnostics {message!r}")


def test_death_and_hang_are_told_and_so_is_the_return(scene: Scene) -> None:
    nodes = scene.nodes
    nodes.start_node("watchdog_node")
    wait_for_status(scene, WARN, "no guard has been heard yet")
    scene.start_guard()
    nodes.wait_for_text("watchdog_node", "the guard is there")
    wait_for_status(scene, OK, "the guard is there")

    nodes.signal("guard_node", signal.SIGKILL)
    nodes.wait_for_end("guard_node")
    nodes.wait_for_text(
        "watchdog_node", r"\[ERROR\].*the guard is gone: no sign of life for \d+ ms"
    )
    wait_for_status(scene, ERROR, "the guard is gone")
    scene.start_guard()
    nodes.wait_for_text("watchdog_node", "the guard is back")
    wait_for_status(scene, OK, "the guard is there")

    # A hang: the process is there, and says nothing.
    nodes.signal("guard_node", signal.SIGSTOP)
    try:
        wait_for_status(scene, ERROR, "the guard is gone")
    finally:
        nodes.signal("guard_node", signal.SIGCONT)
    wait_for_status(scene, OK, "the guard is there")
    said = nodes.text("watchdog_node")
    assert said.count("the guard is gone") == 2
    assert said.count("the guard is back") == 2


def test_a_heartbeat_that_does_not_rise_is_no_sign_of_life(scene: Scene) -> None:
    bystander = scene.bystander
    scene.nodes.start_node("watchdog_node")
    state = bystander.publishers[topics.GUARD_STATE.name]
    bystander.wait_until(lambda: state.get_subscription_count() > 1, "the watchdog")  # and itself
    repeating = bystander.node.create_timer(
        0.02, lambda: state.publish(msg.GuardState(heartbeat=7))
    )
    wait_for_status(scene, ERROR, "the guard is gone")
    bystander.node.destroy_timer(repeating)
