# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Both doors lead to a guard that works: the wheel, built in isolation, and the colcon workspace.

Each is built from a copy of the sources and used from outside of them, by a shell that nobody prepared beyond what
the door asks for: nothing for the wheel, the workspace's set-up file for colcon.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from requirements import UV_ENVIRONMENT, ros_distribution

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
BUILT = (".*", "__pycache__", "*.egg-info", "build", "dist", "install", "log")

# Building takes half a minute on two idle cores; a busy machine may take its time.
BUILD_TIMEOUT_S = 600
ANSWER_TIMEOUT_S = 30

# A workspace is about what stands where once it is installed; how fast messages are is the wheel's business.
QUICKLY = (
    "-DFALLBACK_GUARD_BATCH_SOURCES=ON",
    "-DCMAKE_C_FLAGS_RELEASE=-O0",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O0",
)

# What the wheels' bootstrapper and the environment of these tests have set, which a new shell has not.
INHERITED = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)

EXCHANGE = """
import time, rclpy
from fallback_guard.msg import MotionCommand
from fallback_guard.srv import ResetLatch

rclpy.init()
node = rclpy.create_node("exchange")
node.create_service(ResetLatch, "reset", lambda request, response: response)
publisher = node.create_publisher(MotionCommand, "motion", 1)
heard = []
node.create_subscription(MotionCommand, "motion", heard.append, 1)
until = time.monotonic() + 20
while not heard and time.monotonic() < until:
    publisher.publish(MotionCommand(request_id="R-1", kind=MotionCommand.KIND_SAFE_MOVE))
    rclpy.spin_once(node, timeout_sec=0.1)
print(heard[0].request_id, heard[0].kind)
"""

LISTEN = """
import time, rclpy
from fallback_guard.msg import GuardState

rclpy.init()
node = rclpy.create_node("listener")
heard = []
node.create_subscription(GuardState, "guard/state", heard.append, 10)
until = time.monotonic() + 20
while time.monotonic() < until and not any(state.state == GuardState.STATE_ACTIVE for state in heard):
    rclpy.spin_once(node, timeout_sec=0.1)
print(heard[-1].state if heard else "silent")
"""

WHERE = "import fallback_guard.msg, fallback_guard.core; print(fallback_guard.__path__[0])"


@dataclass(frozen=True, kw_only=True)
class Door:
    """A finished installation, and the shell in which its user stands."""

    prefix: Path
    python: Path
    environment: Mapping[str, str]
    folder: Path

    @property
    def share(self) -> Path:
        """Return where maps, parameters and launch files are."""
        return self.prefix / "share/fallback_guard"

    def executable(self, name: str) -> Path:
        """Return what `ros2 run` and `ros2 launch` start."""
        return self.prefix / "lib/fallback_guard" / name

    def ask(self, program: str, domain: int = 0) -> str:
        """Run a Python program in the user's shell and return what it printed."""
        return _run(
            [self.python, "-c", program], self.folder, _in_domain(self.environment, domain)
        ).strip()


def _run(command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-8000:]}"
    return done.stdout


def _in_domain(environment: Mapping[str, str], domain: int) -> dict[str, str]:
    return {
        **environment,
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(domain),
    }


def _new_shell() -> dict[str, str]:
    if ros_distribution():
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if name not in INHERITED}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the sources as a fresh clone has them: nothing built, nothing hidden."""
    copy = tmp_path_factory.mktemp("source") / "fallback_guard"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*BUILT))
    return copy


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does it for anybody, in isolation."""
    wheels = tmp_path_factory.mktemp("wheels")
    pip: list[str | Path] = [sys.executable, "-m", "pip"]
    _run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source], wheels, _new_shell()
    )
    (built,) = wheels.iterdir()
    return built


@pytest.fixture(scope="session")
def wheel_door(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """Install the wheel, with all it asks for, into a new environment that is never activated."""
    folder = tmp_path_factory.mktemp("wheel_door")
    prefix = folder / "venv"
    shell = _new_shell()
    options = ["--system-site-packages"] if ros_distribution() else []
    _run([sys.executable, "-m", "venv", *options, prefix], folder, shell)
    python = prefix / "bin/python"
    uv = Path(sys.executable).with_name("uv")
    install: list[str | Path] = [python, "-m", "pip", "install"]
    if uv.is_file() and not ros_distribution():
        install = [uv, "pip", "install", "--python", python]
    _run([*install, wheel], folder, {**shell, **UV_ENVIRONMENT})
    return Door(prefix=prefix, python=python, environment=shell, folder=folder)


def _colcon_door(source: Path, build: Path, folder: Path, *options: str) -> Door:
    shell = _new_shell()
    python = Path(sys.executable)
    shell["PATH"] = os.pathsep.join([str(python.parent), shell["PATH"]])
    cmake: tuple[str, ...] = ()
    if not ros_distribution():
        shell["AMENT_PREFIX_PATH"] = shell["CMAKE_PREFIX_PATH"] = sys.prefix
        cmake = ("--cmake-args", *QUICKLY)
    elif shutil.which("colcon") is None:
        pytest.skip("this distribution came without colcon")
    install = folder / "install"
    bases = [f"--base-paths={source}", f"--build-base={build}", f"--install-base={install}"]
    _run(
        ["colcon", f"--log-base={folder / 'log'}", "build", *bases, *options, *cmake], folder, shell
    )
    sourced = _run(
        ["bash", "-c", '. "$0" && exec env -0', install / "local_setup.bash"], folder, shell
    )
    environment = dict(line.split("=", 1) for line in sourced.split("\0") if "=" in line)
    return Door(
        prefix=install / "fallback_guard",
        python=python,
        environment=environment,
        folder=folder,
    )


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where both workspaces build, so that the messages are compiled once."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="session")
def colcon_door(source: Path, workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """Build a workspace over the ROS 2 at hand, and source it."""
    return _colcon_door(source, workspace, tmp_path_factory.mktemp("colcon"))


@pytest.fixture(scope="session")
def colcon_link_door(
    source: Path, workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Door:
    """Build a workspace whose files are links into the sources, and source it."""
    # The one part of a build folder that stands in the way of the other kind of install.
    shutil.rmtree(workspace / "fallback_guard/ament_cmake_python", ignore_errors=True)
    return _colcon_door(
        source, workspace, tmp_path_factory.mktemp("colcon_link"), "--symlink-install"
    )


@pytest.fixture(params=["wheel_door", "colcon_door", "colcon_link_door"])
def door(request: pytest.FixtureRequest) -> Door:
    """Return each door in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Door)
    return found


# The first test through each door waits for its build.
pytestmark = pytest.mark.timeout(BUILD_TIMEOUT_S)


def test_package_is_the_doors_own(door: Door) -> None:
    assert Path(door.ask(WHERE)).is_relative_to(door.prefix)


def test_every_module_is_installed(door: Door) -> None:
    installed = Path(door.ask(WHERE))
    for folder in sorted(path.parent for path in (ROOT / "fallback_guard").glob("*/__init__.py")):
        for module in folder.rglob("*.py"):
            twin = installed / module.relative_to(ROOT / "fallback_guard")
            assert twin.read_bytes() == module.read_bytes()
    assert (installed / "py.typed").is_file()
    assert "Guards" in (installed / "__init__.py").read_text(encoding="utf-8")


def test_shared_files_and_index_are_installed(door: Door) -> None:
    for folder in ("config", "launch", "msg", "srv"):
        for file in (ROOT / folder).iterdir():
            if file.is_file():
                assert (door.share / folder / file.name).read_bytes() == file.read_bytes()
    assert (door.share / "package.xml").is_file()
    for kind in ("packages", "rosidl_interfaces", "package_run_dependencies"):
        assert (
            door.prefix / "share/ament_index/resource_index" / kind / "fallback_guard"
        ).is_file()


def test_every_executable_is_installed(door: Door) -> None:
    for script in (ROOT / "scripts").iterdir():
        assert os.access(door.executable(script.name), os.X_OK)


def test_an_executable_knows_its_python(door: Door) -> None:
    """A service has not activated the environment that a workspace was built in, nor has PATH anything of it."""
    bare = {**door.environment, "PATH": "/usr/bin:/bin"}
    assert '"request_id"' in _run([door.executable("fallback-guard"), "schema"], door.folder, bare)


def test_messages_travel(door: Door, domain: int) -> None:
    assert door.ask(EXCHANGE, domain) == "R-1 2"


def test_command_needs_no_ros(door: Door) -> None:
    """The command line serves machines that have no ROS 2 at all, so it must not even try to import it."""
    program = (
        "import sys; sys.modules['rclpy'] = sys.modules['rosidl_runtime_py'] = None\n"
        "from fallback_guard.tools.cli import main; main(['schema'])"
    )
    assert '"request_id"' in door.ask(program)


def test_guard_starts_speaks_and_ends(door: Door, domain: int) -> None:
    map_file = door.share / "config/sample_warehouse.geojson"
    guard = subprocess.Popen(
        [door.executable("guard_node"), "--ros-args", "-p", f"map_file:={map_file}"],
        cwd=door.folder,
        env=_in_domain(door.environment, domain),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        state = door.ask(LISTEN, domain)
        guard.send_signal(signal.SIGINT)
        printed, _ = guard.communicate(timeout=ANSWER_TIMEOUT_S)
    finally:
        guard.kill()
    assert state == "0", printed
    assert guard.returncode == 0, printed
