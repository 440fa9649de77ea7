# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Fields by the recording's own definition, beside other people's reader of the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_guard.recording.definitions import DefinitionError, parse
from fallback_guard.recording.fields import OCTETS_MAX, TEXT_BYTES_MAX, FieldsError, FieldsReader
from played import definition, filled, serialized, types

if TYPE_CHECKING:
    from fallback_guard.recording.fields import Value

DECISION: Final = "fallback_guard/msg/GuardDecision"
STATE: Final = "fallback_guard/msg/GuardState"
CANDIDATE: Final = "fallback_guard/msg/RouteCandidate"
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def reader(kind: str, **wanted: Value) -> FieldsReader:
    return FieldsReader(kind, definition(kind.rpartition("/")[2]), wanted)


@given(texts, texts, st.integers(0, 2**64 - 1), st.integers(0, 255), st.floats(allow_nan=False))
def test_fields_are_those_that_were_written(
    request_id: str, detail: str, sequence: int, bucket: int, measured: float
) -> None:
    message = filled(
        DECISION,
        request_id=request_id,
        detail=detail,
        sequence=sequence,
        bucket=bucket,
        measured=measured,
        dispatch_ns=7,
    )
    data = serialized(DECISION, message)
    assert types().deserialize_cdr(data, DECISION) == message
    found = reader(
        DECISION, sequence=0, request_id="", detail="", bucket=0, measured=0.0, dispatch_ns=0
    ).read(data)
    assert found == (sequence, request_id, detail, bucket, measured, 7)


@given(st.lists(texts, max_size=5), st.integers(0, 255))
def test_sequences_are_read_and_what_follows_them(robots: list[str], priority: int) -> None:
    message = filled(STATE, latched_robots=robots, realtime_priority=priority)
    found = reader(STATE, latched_robots=(), realtime_priority=0).read(serialized(STATE, message))
    assert found == (tuple(robots), priority)


def test_what_is_long_is_cut_and_its_length_told() -> None:
    payload = np.full(1_000_000, 120, dtype=np.uint8)
    message = filled(CANDIDATE, source="ä" * 5_000, payload=payload, failure="X")
    wanted: dict[str, Value] = {"source": "", "payload": b"", "payload#": 0, "failure": ""}
    found = FieldsReader(CANDIDATE, definition("RouteCandidate"), wanted).read(
        serialized(CANDIDATE, message)
    )
    source, data, size, failure = found
    assert source == "ä" * (TEXT_BYTES_MAX // 2)
    assert (data, size, failure) == (b"x" * OCTETS_MAX, 1_000_000, "X")


def test_a_field_of_another_type_or_none_is_its_nothing() -> None:
    found = FieldsReader(
        "a/msg/B", "string sequence\nuint32 attempt\n", {"sequence": 0, "attempt": 0, "gone": "no"}
    )
    assert found.missing == ("sequence", "gone")
    assert found.read(b"\0\1\0\0" + b"\2\0\0\0a\0\0\0" + b"\5\0\0\0") == (0, 5, "no")


def test_constants_defaults_and_comments_are_no_fields() -> None:
    text = 'uint8 KIND_A=1  # x\nuint8 KIND_B = 2\nint32 x 5\nstring<=9 s "a" # t\nint8[<=3] l\nint8[2] f\n# int8 c\n'
    names = [field.name for field in parse("a/msg/B", text)[""]]
    assert names == ["x", "s", "l", "f"]


@pytest.mark.parametrize("text", ["Other other\nint32 x\n", "wstring w\nint32 x\n"])
def test_what_cannot_be_laid_out_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        FieldsReader("a/msg/B", text, {"x": 0})


def test_what_stands_behind_the_last_wanted_field_is_no_matter() -> None:
    assert FieldsReader("a/msg/B", "int32 x\nwstring w\n", {"x": 0}).read(b"\0\1\0\0\7\0\0\0") == (
        7,
    )


@given(st.binary(max_size=300))
def test_bytes_of_whatever_kind_raise_nothing_else(data: bytes) -> None:
    for kind, wanted in (
        (DECISION, "dispatch_ns"),
        (STATE, "realtime_priority"),
        (CANDIDATE, "payload#"),
    ):
        try:
            reader(kind, **{wanted: 0}).read(b"\0\1\0\0" + data)
        except FieldsError:
            continue
