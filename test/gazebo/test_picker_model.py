# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The picker in Gazebo: a body that can be, that does not tip over, and that the map's shelves have room for."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from math import hypot, pi
from pathlib import Path
from typing import Final

import pytest

from fallback_guard.maps.sdf_elements import SDF_VERSION
from fallback_guard.maps.shelves import CLEARANCE_M, ROBOT_WIDTH_M

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "models" / "picker"
SDF: Final = ET.parse(FOLDER / "model.sdf").getroot()  # noqa: S314  # our own
GRAVITY_MPS2: Final = 9.81


def model() -> ET.Element:
    found = SDF.find("model")
    assert found is not None
    return found


def link(name: str) -> ET.Element:
    found = model().find(f"link[@name='{name}']")
    assert found is not None
    return found


def floats(element: ET.Element, path: str) -> list[float]:
    text = element.findtext(path)
    assert text is not None, path
    return [float(word) for word in text.split()]


def number(element: ET.Element, path: str) -> float:
    (value,) = floats(element, path)
    return value


def system(name: str) -> ET.Element:
    found = model().find(f"plugin[@filename='gz-sim-{name}-system']")
    assert found is not None
    return found


def solid_inertia(mass_kg: float, geometry: ET.Element) -> tuple[float, float, float]:
    """Return the moments of inertia (kg m^2) of a solid body of constant density about its middle."""
    shape = geometry[0]
    if shape.tag == "box":
        a, b, c = floats(shape, "size")
        return (
            mass_kg * (b * b + c * c) / 12,
            mass_kg * (a * a + c * c) / 12,
            mass_kg * (a * a + b * b) / 12,
        )
    r = number(shape, "radius")
    if shape.tag == "sphere":
        return (0.4 * mass_kg * r * r,) * 3
    h = number(shape, "length")
    across = mass_kg * (3 * r * r + h * h) / 12
    return (across, across, mass_kg * r * r / 2)


@pytest.mark.parametrize("name", [part.attrib["name"] for part in model().findall("link")])
def test_inertias_are_computed(name: str) -> None:
    part = link(name)
    (body,) = part.findall("collision")
    # A wheel is as heavy as it looks, and touches the floor with less.
    solid = part.find("visual") if name.endswith("_wheel") else body
    assert solid is not None
    geometry = solid.find("geometry")
    assert geometry is not None
    expected = solid_inertia(number(part, "inertial/mass"), geometry)
    inertia = part.find("inertial/inertia")
    assert inertia is not None
    assert [number(inertia, axis) for axis in ("ixx", "iyy", "izz")] == pytest.approx(expected)
    assert [number(inertia, axis) for axis in ("ixy", "ixz", "iyz")] == [0, 0, 0]
    # The mass is where the body is.
    assert part.findtext("inertial/pose") == body.findtext("pose")


def test_the_check_can_fail() -> None:
    ball = ET.fromstring("<geometry><sphere><radius>0.05</radius></sphere></geometry>")  # noqa: S314
    assert solid_inertia(0.5, ball) == pytest.approx((0.0005,) * 3)
    assert solid_inertia(0.6, ball) != pytest.approx((0.0005,) * 3)


def test_the_wheels_are_where_the_drive_takes_them_to_be() -> None:
    drive = system("diff-drive")
    radius_m = number(drive, "wheel_radius")
    for side, sign in (("left", 1), ("right", -1)):
        wheel = link(f"{side}_wheel")
        x, y, z, roll, pitch, yaw = floats(wheel, "pose")
        assert (x, y) == (0.0, sign * number(drive, "wheel_separation") / 2)
        assert z == radius_m == number(wheel, "collision/geometry/cylinder/radius")
        # The cylinder's axis, z, lies along y; turning about it forwards drives ahead.
        assert (roll, pitch, yaw) == pytest.approx((-pi / 2, 0, 0))
        joint = drive.findtext(f"{side}_joint")
        found = model().find(f"joint[@name='{joint}']")
        assert found is not None
        assert found.findtext("child") == f"{side}_wheel"
        assert found.findtext("parent") == "base_link"
        assert floats(found, "axis/xyz") == [0, 0, 1]


def test_a_wheel_touches_the_floor_where_the_drive_takes_it_to() -> None:
    """A cylinder bears on either of its edges: the robot turns as much too fast as they are nearer to each other."""
    separation_m = number(system("diff-drive"), "wheel_separation")
    for side in ("left", "right"):
        wheel = link(f"{side}_wheel")
        assert number(wheel, "collision/geometry/cylinder/length") < 0.01 * separation_m
        assert number(wheel, "visual/geometry/cylinder/radius") == number(
            wheel, "collision/geometry/cylinder/radius"
        )


def test_the_shelves_were_told_how_wide_it_is() -> None:
    wheel = link("left_wheel")
    y = floats(wheel, "pose")[1]
    width_m = 2 * y + number(wheel, "visual/geometry/cylinder/length")
    assert width_m == pytest.approx(ROBOT_WIDTH_M)


def test_it_can_turn_anywhere_on_its_way() -> None:
    body = link("base_link")
    x = floats(body, "collision/pose")[0]
    length_m, depth_m, _ = floats(body, "collision/geometry/box/size")
    assert hypot(abs(x) + length_m / 2, depth_m / 2) < CLEARANCE_M


def test_it_stands_on_three_points_and_does_not_tip_over() -> None:
    caster = link("caster")
    caster_x, _, caster_z = floats(caster, "pose")[:3]
    assert caster_z == number(caster, "collision/geometry/sphere/radius")
    parts = []
    for part in model().findall("link"):
        at = part.findtext("inertial/pose") or part.findtext("pose") or ""
        x, _, z = (float(word) for word in at.split()[:3])
        parts.append((number(part, "inertial/mass"), x, z))
    mass_kg = sum(one[0] for one in parts)
    middle_x = sum(m * x for m, x, _ in parts) / mass_kg
    middle_z = sum(m * z for m, _, z in parts) / mass_kg
    assert caster_x < middle_x < 0
    # Braking it leans on its wheels, speeding up on its caster.
    drive = system("diff-drive")
    for limit, arm_m in (("min", -middle_x), ("max", middle_x - caster_x)):
        change = abs(number(drive, f"{limit}_linear_acceleration"))
        assert change * middle_z < GRAVITY_MPS2 * arm_m


def test_limits_are_the_same_both_ways() -> None:
    drive = system("diff-drive")
    for quantity in ("velocity", "acceleration"):
        for kind in ("linear", "angular"):
            most = number(drive, f"max_{kind}_{quantity}")
            assert most > 0
            assert number(drive, f"min_{kind}_{quantity}") == -most


def test_frames_are_those_of_rep_105() -> None:
    drive, truth = system("diff-drive"), system("odometry-publisher")
    assert drive.findtext("frame_id") == "odom"
    assert drive.findtext("child_frame_id") == "base_link"
    assert truth.findtext("odom_frame") == "map"
    assert truth.findtext("robot_base_frame") == "base_link"
    frames = {frame.attrib["name"]: frame.attrib["attached_to"] for frame in model().iter("frame")}
    assert frames == {"lidar_link": "base_link", "imu_link": "base_link"}
    for sensor in model().iter("sensor"):
        frame = sensor.findtext("gz_frame_id")
        assert frame in frames
        at = sensor.find("pose")
        assert at is not None
        assert at.attrib["relative_to"] == frame


def test_the_lidar_sees_walls_and_shelves_and_not_its_own_tote() -> None:
    lidar = model().find(".//sensor[@type='gpu_lidar']")
    frame = model().find("frame[@name='lidar_link']")
    tote = link("base_link").find("visual[@name='tote']")
    assert lidar is not None
    assert frame is not None
    assert tote is not None
    x, _, z = floats(frame, "pose")[:3]
    assert z < 0.35, "shelves are closed to this height"
    tote_x = floats(tote, "pose")[0]
    tote_length_m, tote_depth_m, _ = floats(tote, "geometry/box/size")
    corner = (tote_x + tote_length_m / 2 - x, tote_depth_m / 2)
    most = number(lidar, "lidar/scan/horizontal/max_angle")
    assert number(lidar, "lidar/scan/horizontal/min_angle") == -most
    # The corner is behind the last beam: to the left of its line.
    from math import cos, sin  # noqa: PLC0415

    assert cos(most) * corner[1] - sin(most) * corner[0] > 0


def test_the_model_can_be_found_by_its_name() -> None:
    config = ET.parse(FOLDER / "model.config").getroot()  # noqa: S314
    assert config.findtext("sdf") == "model.sdf"
    (named,) = config.findall("sdf")
    assert named.attrib["version"] == SDF.attrib["version"] == SDF_VERSION
