# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.parameters import Parameter, ParameterError, frozen_config

BYTES_PER_MIB: Final = 1_048_576

FILES_MIN: Final = 2
"""So many files have to fit into the directory: the one being written, and what happened before it."""

MESSAGE_MARGIN_BYTES: Final = 131_072
"""What a file holds beside its messages: definitions, indexes and summary, with much to spare."""

RECORDER_PARAMETERS: Final = (
    Parameter(
        name="directory",
        default="recordings",
        read_only=True,
        meaning="Where the files go; relative to the working directory, and made where it is missing.",
    ),
    Parameter(
        name="sync_ms",
        default=200,
        unit="ms",
        minimum=10,
        maximum=10_000,
        read_only=True,
        meaning="How long a message may wait until it is on disk: what a power cut or kill -9 can take.",
    ),
    Parameter(
        name="file_mib_max",
        default=64,
        unit="MiB",
        minimum=1,
        maximum=4_096,
        read_only=True,
        meaning="Size at which the next file is begun; a longer message is dropped.",
    ),
    Parameter(
        name="file_s_max",
        default=3_600,
        unit="s",
        minimum=1,
        maximum=604_800,
        read_only=True,
        meaning="Age at which the next file is begun.",
    ),
    Parameter(
        name="directory_mib_max",
        default=1_024,
        unit="MiB",
        minimum=2,
        maximum=1_048_576,
        read_only=True,
        meaning="Size of all files together; the oldest are removed to keep to it. At least twice file_mib_max.",
    ),
    Parameter(
        name="queue_mib_max",
        default=64,
        unit="MiB",
        minimum=1,
        maximum=1_024,
        read_only=True,
        meaning="Memory for messages that wait for the disk; what comes beyond it is dropped, and counted.",
    ),
    Parameter(
        name="queue_messages_max",
        default=20_000,
        unit="messages",
        minimum=100,
        maximum=1_000_000,
        read_only=True,
        meaning="How many messages may wait for the disk; what comes beyond it is dropped, and counted.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderConfig:
    """One field for each row of RECORDER_PARAMETERS."""

    directory: str
    sync_ms: int
    file_mib_max: int
    file_s_max: int
    directory_mib_max: int
    queue_mib_max: int
    queue_messages_max: int

    @property
    def file_bytes_max(self) -> int:
        """Size at which the next file is begun."""
        return self.file_mib_max * BYTES_PER_MIB

    @property
    def directory_bytes_max(self) -> int:
        """Size of all files together."""
        return self.directory_mib_max * BYTES_PER_MIB

    @property
    def queue_bytes_max(self) -> int:
        """Memory for messages that wait."""
        return self.queue_mib_max * BYTES_PER_MIB

    @property
    def message_bytes_max(self) -> int:
        """The longest message there is room for."""
        return min(self.queue_bytes_max, self.file_bytes_max - MESSAGE_MARGIN_BYTES)


def recorder_config(given: Mapping[str, object]) -> RecorderConfig:
    """Return the checked configuration.  Raises ParameterError, which names the parameter and what is allowed."""
    config = frozen_config(RecorderConfig, RECORDER_PARAMETERS, given)
    if not config.directory:
        raise ParameterError(
            "parameter 'directory' is empty; name a directory that the recorder may fill"
        )
    if config.directory_mib_max < FILES_MIN * config.file_mib_max:
        raise ParameterError(
            f"parameter 'directory_mib_max' is {config.directory_mib_max}, and 'file_mib_max' {config.file_mib_max};"
            f" allowed: a directory of at least {FILES_MIN} files, {FILES_MIN * config.file_mib_max} MiB"
        )
    return config
