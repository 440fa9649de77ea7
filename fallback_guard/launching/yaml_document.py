# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""YAML that means one thing only: no key twice, no aliases, bounded in size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]  # its stubs would be one more package, for this file

from fallback_guard.core.unusable import UnusableError

FILE_BYTES_MAX: Final = 256 * 1024
"""A fleet of a hundred robots takes a tenth of that; PyYAML takes a second for it."""


class YamlError(UnusableError):
    """A file that cannot be read as YAML.  The message names the file, the place and the remedy."""


def read_yaml(path: Path) -> object:
    """Return what a YAML file holds.  Raises YamlError."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise YamlError(
            f"{path}: {error.strerror or error}. Give the path of a readable file"
        ) from error
    if len(data) > FILE_BYTES_MAX:
        raise YamlError(
            f"{path}: it is longer than {FILE_BYTES_MAX} bytes. Say what robots share under defaults"
        )
    try:
        text = data.decode("utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        problem = next(_problems(root), None) if root is not None else None
        if problem is None:
            return yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise YamlError(f"{path}: byte {error.start} is not UTF-8. Save it as UTF-8") from error
    except RecursionError as error:
        raise YamlError(
            f"{path}: it is nested too deeply. See the format in docs/fleet.md"
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise YamlError(
            f"{path}: {where}: {error.problem or error.context}. Correct the YAML there"
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Also what is no date and no number, although it looks like one.
        first_line = (str(error).splitlines() or ["it cannot be read"])[0]
        raise YamlError(f"{path}: {first_line}. Put text in quotes") from error
    raise YamlError(f"{path}: {problem}")


def _problems(root: yaml.Node) -> Iterator[str]:
    """Yield what PyYAML would let pass: a key that is said again, of which the last one wins, and aliases."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        where = f"line {node.start_mark.line + 1}"
        if id(node) in seen:
            yield f"{where} is used again by an alias. Write it out, or say it under defaults"
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            stack += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                stack += [key, value]
                if isinstance(key, yaml.ScalarNode) and key.value in keys:
                    line = key.start_mark.line + 1
                    yield f"line {line}: the key {key.value!r} stands there twice. Remove one of them"
                keys.add(str(key.value))
