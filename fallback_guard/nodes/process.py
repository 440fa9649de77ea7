# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What every executable does: start rclpy, spin one node, end cleanly.

Exit codes: 0 after an ordinary end (also by SIGINT or SIGTERM), 2 where a parameter or a file cannot be
used, before anything was published.
"""

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from fallback_guard.core.parameters import Parameter
from fallback_guard.core.unusable import UnusableError

EXIT_UNUSABLE: Final = 2
_SIGNAL_LATENCY_S: Final = 0.1
"""How long a signal may wait while nothing else happens."""


class StartError(UnusableError):
    """The node cannot start; the message says why and what to do."""


class Finished(Exception):  # noqa: N818  # not an error
    """Raised in a callback by a node that has done all it was started for."""


def run(
    make_node: Callable[[], Node],
    *,
    name: str,
    does: str,
    parameters: Sequence[Parameter],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run one node until it is interrupted; return the exit code."""
    arguments = sys.argv if arguments is None else arguments
    try:
        own_arguments = remove_ros_args(list(arguments))[1:]
    except RuntimeError as error:  # What rcl raises has no public name.
        sys.stderr.write(f"{name}: {error}\n")
        return EXIT_UNUSABLE
    _parse(own_arguments, name=name, does=does, parameters=parameters)
    # Shared memory of Fast DDS loses a wake-up now and then on a loaded machine, and a message then waits for the
    # third of a second after which it looks again.  Whoever wants it all the same exports DEFAULT.
    os.environ.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
    interrupted = _Interrupted()
    rclpy.init(args=list(arguments), signal_handler_options=SignalHandlerOptions.NO)
    node: Node | None = None
    try:
        node = make_node()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        with interrupted.waking(executor):
            while not interrupted.is_set:
                executor.spin_once(timeout_sec=_SIGNAL_LATENCY_S)
    except UnusableError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return EXIT_UNUSABLE
    except (Finished, ExternalShutdownException):
        pass
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0


class _Interrupted:
    """Set by SIGINT and SIGTERM, once or often.

    rclpy's own handlers raise KeyboardInterrupt wherever the main thread happens to be, also in the
    middle of a decision, and again while the node is being taken down.
    """

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True

    @contextmanager
    def waking(self, executor: Executor) -> Iterator[None]:
        """Wake an executor as soon as a signal comes.

        Its own timeout may be late: where the middleware waits on the wall clock, by as much as that is set back.
        """
        bell, rope = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(rope, warn_on_full_buffer=False)

        def ring() -> None:
            select.select([bell], [], [])
            executor.wake()

        bellman = threading.Thread(target=ring, name="signals", daemon=True)
        bellman.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            with suppress(BlockingIOError):
                os.write(rope, b"\0")
            bellman.join()
            os.close(bell)
            os.close(rope)


def _parse(
    arguments: Sequence[str], *, name: str, does: str, parameters: Sequence[Parameter]
) -> None:
    rows = [
        f"  {row.name:<22} {row.default!r:<16} {row.meaning} ({row.allowed})" for row in parameters
    ]
    parser = argparse.ArgumentParser(
        prog=name,
        description=does,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(
            [
                "parameters (name, default, meaning):",
                *rows,
                "",
                "example:",
                f"  {name} --ros-args --params-file config/{name.removesuffix('_node')}.yaml",
            ]
        ),
    )
    parser.parse_args(arguments)
