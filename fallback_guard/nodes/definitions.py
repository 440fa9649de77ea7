# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Message definitions as text, as recordings carry them to readers that know none of our types."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from rclpy.qos import QoSProfile

from fallback_guard.nodes.process import StartError

_NESTED: Final = re.compile(r"\b(\w+/\w+)\b")
_LINE: Final = "=" * 80


def type_name(message: type) -> str:
    """Return the full name of a message class, such as `std_msgs/msg/Header`."""
    return f"{_package(message)}/msg/{message.__name__}"


def definition(message: type) -> str:
    """Return the text of a class's .msg file and of all those it contains (`ros2msg` of MCAP).  Raises StartError."""
    seen: dict[str, str] = {}
    _collect(message, seen)
    (_, root), *others = seen.items()
    parts = [root, *(f"{_LINE}\nMSG: {name}\n{text}" for name, text in others)]
    return "\n".join(parts)


def offered_qos(qos: QoSProfile) -> str:
    """Return how a topic is offered, the way that rosbag2 reads it, so that a replay reaches late joiners too."""
    infinite = "{sec: 9223372036, nsec: 854775807}"
    return "\n  ".join(
        (
            "- history: keep_last",
            f"depth: {qos.depth}",
            f"reliability: {qos.reliability.name.lower()}",
            f"durability: {qos.durability.name.lower()}",
            f"deadline: {infinite}",
            f"lifespan: {infinite}",
            "liveliness: automatic",
            f"liveliness_lease_duration: {infinite}",
            "avoid_ros_namespace_conventions: false",
        )
    )


def _collect(message: type, seen: dict[str, str]) -> None:
    name = f"{_package(message)}/{message.__name__}"
    if name in seen:
        return
    seen[name] = _text(message)
    fields: dict[str, str] = message.get_fields_and_field_types()  # type: ignore[attr-defined]  # generated
    for kind in fields.values():
        for nested in _NESTED.findall(kind):
            package, _, short = nested.partition("/")
            _collect(getattr(import_module(f"{package}.msg"), short), seen)


def _text(message: type) -> str:
    package, kind = _package(message), message.__name__
    for prefix in _prefixes(package):
        path = prefix / "share" / package / "msg" / f"{kind}.msg"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise StartError(
        f"share/{package}/msg/{kind}.msg was not found beside the Python package {package}; install {package} again"
    )


def _prefixes(package: str) -> Iterator[Path]:
    """Yield where a package may have been installed, from its modules upwards: the layouts differ in depth."""
    for folder in import_module(package).__path__:
        yield from Path(folder).resolve().parents


def _package(message: type) -> str:
    return message.__module__.partition(".")[0]
