# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reads an SROS2 policy as what it comes to: who may do what under which full name."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[2]
POLICY: Final = ROOT / "config" / "sros2" / "policy.xml"
SCHEMA: Final = Path(__file__).with_name("sros2_schema") / "policy.xsd"

DOINGS: Final = ("publish", "subscribe", "reply", "request")


class Use(NamedTuple):
    """Something that a process does with a topic or a service."""

    doing: str
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What one enclave may do, and what it may not whatever else is allowed.  Names may hold `*`."""

    allowed: set[Use] = field(default_factory=set)
    denied: set[Use] = field(default_factory=set)

    def allows(self, use: Use) -> bool:
        """Tell what the middleware would say: a denial wins, and what is not mentioned is denied."""
        return _any_covers(self.allowed, use) and not _any_covers(self.denied, use)


def covers(rule: Use, use: Use) -> bool:
    """Tell whether a rule is about this use."""
    return rule.doing == use.doing and fnmatchcase(use.name, rule.name)


def _any_covers(rules: set[Use], use: Use) -> bool:
    return any(covers(rule, use) for rule in rules)


def read_policy(text: str) -> dict[str, Grant]:
    """Return the grant of each enclave, by its path."""
    grants: dict[str, Grant] = defaultdict(Grant)
    # The file is our own.
    for enclave in ET.fromstring(text).iter("enclave"):  # noqa: S314
        grant = grants[enclave.attrib["path"]]
        for profile in enclave.iter("profile"):
            for rules in profile:
                for doing in DOINGS:
                    qualifier = rules.get(doing)
                    if qualifier is not None:
                        said = grant.allowed if qualifier == "ALLOW" else grant.denied
                        said.update(Use(doing, _full(rule.text or "", profile)) for rule in rules)
    return dict(grants)


def _full(name: str, profile: ET.Element) -> str:
    """Complete a name the way the permissions are made from a policy."""
    namespace = profile.attrib["ns"].rstrip("/")
    if name.startswith("/"):
        return name
    if name.startswith("~"):
        return f"{namespace}/{profile.attrib['node']}{name[1:]}"
    return f"{namespace}/{name}"


def differences(grants: Mapping[str, Grant], uses: Mapping[str, set[Use]]) -> list[str]:
    """Say where a policy and what processes really do are not the same, in either direction."""
    found = [f"{enclave} is in no policy" for enclave in uses.keys() - grants.keys()]
    for enclave, grant in grants.items():
        used = uses.get(enclave, set())
        found += [
            f"{enclave} may not {use.doing} {use.name}" for use in used if not grant.allows(use)
        ]
        found += [
            f"{enclave} needs not {rule.doing} {rule.name}"
            for rule in grant.allowed
            if not any(covers(rule, use) for use in used)
        ]
    return sorted(found)


def in_namespace(text: str, namespace: str) -> str:
    """Move a policy into a namespace, as docs/security.md does with sed."""
    return re.sub('path="/', f'path="/{namespace}/', re.sub('ns="/"', f'ns="/{namespace}"', text))
