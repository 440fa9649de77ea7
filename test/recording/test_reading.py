# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A recording that was cut off, or is damaged, yields every complete record, and says how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import mcap.reader
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback_guard.recording.reading import MAGIC, Ending
from fallback_guard.recording.records import Recorded
from tapes import BATCHES, ENDS, FILE, LEFT, RIGHT, message, read_bytes, written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MESSAGES: Final = [each for batch in BATCHES for each in batch]


def prefixes(batches: Sequence[list[Recorded]]) -> list[list[Recorded]]:
    """Return the messages of no batch, of the first, of the first two, and so on."""
    return [
        [each for batch in batches[:number] for each in batch] for number in range(len(batches) + 1)
    ]


def test_every_truncation_yields_what_was_acknowledged_and_only_whole_batches() -> None:
    for size in range(len(FILE) + 1):
        messages, ending = read_bytes(FILE[:size])
        acknowledged = [
            each for batch, end in zip(BATCHES, ENDS, strict=True) if end <= size for each in batch
        ]
        assert messages[: len(acknowledged)] == acknowledged, size
        # A batch whose chunk is all there is read, though its index was cut off and nobody vouched for it.
        assert messages in prefixes(BATCHES), size
        assert (ending is Ending.COMPLETE) == (size == len(FILE)), size
        assert ending is not Ending.DAMAGED, size


def test_a_finished_file_is_one_to_the_library_too(tmp_path: Path) -> None:
    path = tmp_path / "finished.mcap"
    path.write_bytes(FILE)
    with path.open("rb") as stream:
        reader = mcap.reader.make_reader(stream, validate_crcs=True)
        read = [
            Recorded(
                topic=channel.topic,
                sequence=each.sequence,
                log_ns=each.log_time,
                publish_ns=each.publish_time,
                data=each.data,
            )
            for _, channel, each in reader.iter_messages(log_time_order=False)
        ]
        summary = reader.get_summary()
        assert reader.get_header().profile == "ros2"
    assert read == MESSAGES
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == len(read)
    assert {schema.name for schema in summary.schemas.values()} == {
        LEFT.type_name,
        RIGHT.type_name,
    }
    assert {schema.encoding for schema in summary.schemas.values()} == {"ros2msg"}


@pytest.mark.parametrize("tail", [b"\0" * 5_000, b"\xff" * 9, b"\x06" + b"\xff" * 8, b"\x10" * 20])
def test_a_tail_of_rubbish_takes_nothing_away(tail: bytes) -> None:
    messages, ending = read_bytes(FILE[: ENDS[-1]] + tail)
    assert messages == MESSAGES
    assert ending in (Ending.CUT_OFF, Ending.DAMAGED)


@pytest.mark.parametrize("data", [b"", MAGIC[:4], MAGIC, b"\0" * 100, b"not a recording at all"])
def test_what_is_no_recording_yields_nothing(data: bytes) -> None:
    messages, ending = read_bytes(data)
    assert messages == []
    assert ending is (Ending.CUT_OFF if MAGIC.startswith(data[:8]) else Ending.DAMAGED)


batches_of_anything = st.lists(
    st.lists(
        st.builds(
            message,
            st.integers(0, 2**32 - 1),
            st.binary(max_size=200),
            st.sampled_from([LEFT.topic, RIGHT.topic]),
        ),
        min_size=1,
        max_size=5,
    ),
    max_size=5,
)


@given(batches=batches_of_anything, cut=st.floats(0, 1), tail=st.binary(max_size=40))
def test_whatever_was_recorded_whatever_follows(
    batches: list[list[Recorded]], cut: float, tail: bytes
) -> None:
    data, ends = written(batches)
    size = int(cut * len(data))
    messages, _ = read_bytes(data[:size] + tail)
    acknowledged = [
        each for batch, end in zip(batches, ends, strict=True) if end <= size for each in batch
    ]
    assert messages[: len(acknowledged)] == acknowledged
    assert messages in prefixes(batches)


@given(at=st.integers(0, len(FILE) - 1), bit=st.integers(0, 7))
@example(at=len(MAGIC) + 1, bit=7)
def test_a_flipped_bit_never_raises_and_never_changes_a_message(at: int, bit: int) -> None:
    damaged = bytearray(FILE)
    damaged[at] ^= 1 << bit
    messages, _ = read_bytes(bytes(damaged))
    whole = prefixes(BATCHES)
    # A chunk whose kind of record was changed is passed over as a whole.
    assert messages in whole or all(each in MESSAGES for each in messages)
