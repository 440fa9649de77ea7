"""Runs the launch tests where launch and launch_testing are installed, which is on any ROS 2 distribution."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAUNCH = all(find_spec(name) for name in ("launch", "launch_ros", "launch_testing", "ros2launch"))

pytestmark = pytest.mark.skipif(
    not LAUNCH,
    reason="launch, launch_ros, launch_testing and ros2launch come with a ROS 2 distribution, not from PyPI",
)


def _environment(domain: int) -> dict[str, str]:
    return {
        **os.environ,
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(domain),
    }


@pytest.mark.parametrize("test", sorted(HERE.glob("*.test.py")), ids=lambda path: path.name)
def test_launch_test(test: Path, domain: int, tmp_path: Path) -> None:
    """Run one launch test in a process of its own, away from the source tree."""
    done = subprocess.run(  # our own test
        [sys.executable, "-m", "launch_testing.launch_test", str(test)],
        env=_environment(domain),
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["guard.launch.py", "demo.launch.py"])
def test_arguments_are_described(name: str, domain: int, tmp_path: Path) -> None:
    """`ros2 launch ... --show-args` says what each argument is for."""
    done = subprocess.run(  # our own launch file
        ["ros2", "launch", "fallback_guard", name, "--show-args"],  # noqa: S607
        env=_environment(domain),
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no description given" not in done.stdout
