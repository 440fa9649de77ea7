# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What is recorded: channels and messages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A topic of a file.

    `type_name` is as in `fallback_guard/msg/PickRequest`, `definition` its text and those of the messages in it, which
    MCAP calls `ros2msg`, and `qos_profiles` how it was offered, as YAML.
    """

    topic: str
    type_name: str
    definition: str
    qos_profiles: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A message as its bytes came.

    `sequence` counts the messages that reached the recorder on the topic, from 1 and modulo 2^32, also those that it
    had to drop: a gap tells where.  `log_ns` is when it reached the recorder and `publish_ns` when its sender published
    it, by the middleware's account, both on the wall clock; where the latter is unknown it is `log_ns`.
    """

    topic: str
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes
