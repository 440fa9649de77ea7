# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Pieces of SDF 1.9, as Gazebo Fortress, Harmonic and later read it, made of nothing but boxes and planes.

Texts and names that come in here have no character that XML knows: bins are named by identifiers.
"""

from dataclasses import dataclass
from typing import Final

SDF_VERSION: Final = "1.9"
"""Harmonic reads 1.11 and converts older ones; the parser of Debian 12 and of Ubuntu 22.04 reads up to 1.9."""

_DIGITS: Final = 4
"""After the point: a tenth of a millimetre, which no arithmetic of another machine rounds otherwise."""

_INDENT: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """Shares of red, green and blue, 0 to 1."""

    red: float
    green: float
    blue: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box that stands upright: where its middle is, how it is turned (rad), and its size (m)."""

    x: float
    y: float
    z: float
    length_m: float
    depth_m: float
    height_m: float
    yaw: float = 0.0


def element(tag: str, *content: str, **attributes: str) -> str:
    """Return an element with its attributes; it holds either elements or, if that has no tag, a text."""
    head = "".join([tag, *(f' {name}="{value}"' for name, value in attributes.items())])
    if not content:
        return f"<{head}/>"
    if len(content) == 1 and not content[0].startswith("<"):
        return f"<{head}>{content[0]}</{tag}>"
    lines = [f"{_INDENT}{line}" for piece in content for line in piece.split("\n")]
    return "\n".join([f"<{head}>", *lines, f"</{tag}>"])


def numbers(*values: float) -> str:
    """Return numbers as SDF reads them; there is no negative zero."""
    texts = (f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") for value in values)
    return " ".join("0" if text == "-0" else text for text in texts)


def pose(x: float, y: float, z: float, yaw: float = 0.0) -> str:
    """Return a pose: m, and a turn about the vertical (rad)."""
    return element("pose", numbers(x, y, z, 0.0, 0.0, yaw))


def plugin(system: str, name: str, *content: str) -> str:
    """Return a system of gz-sim, such as physics and Physics."""
    return element(
        "plugin",
        *content,
        filename=f"gz-sim-{system}-system",
        name=f"gz::sim::systems::{name}",
    )


def visual(name: str, box: Box, colour: Colour, *, shadows: bool = True) -> str:
    """Return a box to see."""
    shadow = [] if shadows else [element("cast_shadows", "false")]
    return element("visual", _pose_of(box), *shadow, _geometry(box), material(colour), name=name)


def collision(name: str, box: Box) -> str:
    """Return a box to bump into."""
    return element("collision", _pose_of(box), _geometry(box), name=name)


def static_model(name: str, *content: str, at: str | None = None) -> str:
    """Return a model that never moves, with all its content in one link; `at` is its pose."""
    link = element("link", *content, name="link")
    where = [] if at is None else [at]
    return element("model", element("static", "true"), *where, link, name=name)


def material(colour: Colour) -> str:
    """Return a surface that is dull and of one colour."""
    tone = numbers(colour.red, colour.green, colour.blue, 1.0)
    dull = numbers(0.05, 0.05, 0.05, 1.0)
    return element(
        "material", element("ambient", tone), element("diffuse", tone), element("specular", dull)
    )


def _pose_of(box: Box) -> str:
    return pose(box.x, box.y, box.z, box.yaw)


def _geometry(box: Box) -> str:
    size = element("size", numbers(box.length_m, box.depth_m, box.height_m))
    return element("geometry", element("box", size))
