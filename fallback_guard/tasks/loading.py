# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Finds a task by its name."""

import re
from importlib import import_module
from typing import Final

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.identifiers import printable
from fallback_guard.core.task import RouteTask, TaskError

_NAME: Final = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)\Z")
_SHOWN_CHARS_MAX: Final = 120
_FORM: Final = "Write package.module:NAME, such as cold_chain:COLD_CHAIN"


def load_task(name: str) -> CheckedTask:
    """Return the task that `name` (package.module:NAME) names; nothing named is the package's own.

    Imports the module, and so runs its code.  Raises TaskError with what is wrong and what to do.
    """
    if not name:
        return ROUTES
    shown = printable(name, chars_max=_SHOWN_CHARS_MAX)
    parts = _NAME.match(name)
    if parts is None:
        raise TaskError(f"task {shown!r} is not the name of one. {_FORM}")
    found = _imported(parts["module"], parts["name"], shown)
    if not isinstance(found, RouteTask):
        raise TaskError(
            f"task {shown!r} is a {type(found).__name__}. Name a RouteTask of fallback_guard.tasks.api"
        )
    # What it checks by knows of maps, which a planner without a task has no use for.
    from fallback_guard.core.task_check import checked  # noqa: PLC0415

    try:
        return checked(found)
    except TaskError as error:
        raise TaskError(f"{shown}: {error}") from error
    except Exception as error:
        raise TaskError(
            f"task {shown!r}: what it is made of cannot be looked at ({type(error).__name__}). "
            "Use plain values and functions"
        ) from error


def _imported(module_name: str, name: str, shown: str) -> object:
    try:
        module = import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        said = printable(f"{type(error).__name__}: {error}", chars_max=_SHOWN_CHARS_MAX)
        raise TaskError(
            f"task {shown!r}: its module cannot be imported ({said}). Install it where this program runs, "
            "or name its folder in PYTHONPATH"
        ) from error
    found: object = getattr(module, name, None)
    if found is None:
        raise TaskError(f"task {shown!r}: there is no {name} in {module_name}. {_FORM}")
    return found
