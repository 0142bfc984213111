"""Tokens and roles out of a .bin, held to NumPy; what the file cannot give is an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.native import reference
from yue.errors import NativeError
from yue.native.document_gather import Form, GatherError, Pieces, gather
from yue.tokens.roles import Role, roles_of
from yue.tokens.vocabulary import EOA, SOA, STAGE_1, TEXT_SIZE, codec_range

LIMIT = 92_288
MARKER = (5, 6)
XCODEC = codec_range("xcodec")
SPAN = st.tuples(st.integers(0, 90), st.integers(0, 60), st.integers(0, 70))


def form_of(codebooks: int, lanes: int) -> Form:
    codec = XCODEC.first(codebooks)
    starts = (*codec.offsets, codec.end)
    return Form(TEXT_SIZE, SOA, EOA, STAGE_1, lanes, starts, MARKER)


@pytest.fixture(scope="module")
def descriptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    path = tmp_path_factory.mktemp("gather") / "a.bin"
    number = os.open(path, os.O_RDWR | os.O_CREAT)
    yield number
    os.close(number)


def write(descriptor: int, ids: npt.NDArray[Any], item_size: int) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, ids.astype("<u2" if item_size == 2 else "<i4").tobytes(), 0)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 65_535), min_size=90, max_size=150),
    st.lists(SPAN, max_size=6),
    st.sampled_from([2, 4]),
    st.sampled_from([np.int32, np.int64]),
    st.sampled_from([65_536, 60_000]),
)
def test_it_is_its_twin(
    descriptor: int, ids: list[int], spans: list[Any], item_size: int, dtype: Any, limit: int
) -> None:
    array = np.array(ids)
    write(descriptor, array, item_size)
    rows = np.array(spans, dtype=np.int64).reshape(-1, 3)
    out = np.full(130, -7, dtype=dtype)
    expected = out.copy()
    fault = reference.gather(array, rows, expected, limit=limit)
    if fault is None:
        gather(descriptor, rows, out, item_size=item_size, limit=limit)
        assert np.array_equal(out, expected)
    else:
        with pytest.raises(GatherError) as error:
            gather(descriptor, rows, out, item_size=item_size, limit=limit)
        assert (error.value.span, error.value.token) == fault
        assert error.value.is_short == (fault[1] >= len(ids))


@pytest.mark.parametrize("item_size", [2, 4])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_long_spans_pass_the_chunk_whole(descriptor: int, item_size: int, dtype: Any) -> None:
    ids = np.random.default_rng(0).integers(0, 65_536, 40_000)
    write(descriptor, ids, item_size)
    out = np.zeros((2, 30_000), dtype=dtype)
    spans = np.array([[1, 29_999, 0], [9_999, 30_001, 29_999]])
    gather(descriptor, spans, out, item_size=item_size, limit=65_536)
    assert np.array_equal(out.reshape(-1)[:29_999], ids[1:30_000])
    assert np.array_equal(out.reshape(-1)[29_999:], ids[9_999:])
    with pytest.raises(GatherError) as error:
        gather(descriptor, spans, out, item_size=item_size, limit=int(ids[20_000:].max()))
    assert ids[error.value.token] == ids[20_000:].max() or error.value.token < 20_000


TOKEN = st.one_of(
    st.sampled_from([SOA, SOA, EOA, STAGE_1, 5, 6, 100, 32_000]),
    st.integers(XCODEC.offset - 1, XCODEC.offset + 3 * 1024),
)


@settings(max_examples=150)
@given(st.data(), st.lists(TOKEN, max_size=80), st.integers(1, 3), st.integers(1, 2))
def test_roles_are_those_of_numpy(
    descriptor: int, data: st.DataObject, tokens: list[int], codebooks: int, lanes: int
) -> None:
    """Of any ids, well formed or not, whole or in pieces."""
    array = np.array(tokens, dtype=data.draw(st.sampled_from([np.int32, np.int64])))
    write(descriptor, array, 4)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(tokens)), min_size=2, max_size=4)))
    bounds, expected = [], np.full(len(tokens), 99, dtype=np.uint8)
    codec = XCODEC.first(codebooks)
    for start, stop in pairwise(cuts):
        repeated = data.draw(st.integers(0, stop - start))
        bounds.append((start, stop, repeated))
        part = array[start:stop]
        if len(part):
            expected[start:stop] = roles_of(part, codec, lanes=lanes, reference_marker=MARKER)
        expected[start : start + repeated] = Role.CONTEXT
    out = np.full(len(tokens), 99, dtype=np.uint8)
    pieces = Pieces(np.array(bounds), form_of(codebooks, lanes), out)
    found = np.zeros_like(array)
    span = np.array([[0, len(tokens), 0]])
    gather(descriptor, span, found, item_size=4, limit=LIMIT, pieces=pieces)
    assert np.array_equal(found, array)
    assert out.tolist() == expected.tolist()


def test_tokens_and_roles_come_in_one_call(descriptor: int) -> None:
    ids = np.array([9, SOA, 32_016, XCODEC.offset, XCODEC.offset + 1, EOA, 3], dtype=np.int64)
    write(descriptor, ids, 4)
    out, found = np.zeros((2, 5), dtype=np.int64), np.full((2, 5), 99, dtype=np.uint8)
    spans = np.array([[0, 5, 0], [5, 2, 5]])
    pieces = Pieces(np.array([[0, 5, 1], [5, 7, 0]]), form_of(1, 2), found)
    gather(descriptor, spans, out, item_size=4, limit=LIMIT, pieces=pieces)
    assert out.tolist() == [ids[:5].tolist(), [EOA, 3, 0, 0, 0]]
    C, S, V, N, T = Role.CONTEXT, Role.SPECIAL, Role.VOCAL, Role.INSTRUMENTAL, Role.TEXT  # noqa: N806
    assert found.tolist() == [[C, S, S, V, N], [S, T, 99, 99, 99]]


@pytest.mark.parametrize(
    "span", [(-1, 1, 0), (0, -1, 0), (0, 1, -1), (0, 11, 0), (0, 1, 10), (2**62, 1, 0), (0, 3, 8)]
)
def test_a_span_outside_is_refused_before_anything_is_read(
    descriptor: int, span: tuple[int, int, int]
) -> None:
    write(descriptor, np.arange(20), 4)
    out = np.zeros(10, dtype=np.int32)
    with pytest.raises(NativeError, match="span or piece 1 reaches outside"):
        gather(descriptor, np.array([(0, 4, 0), span]), out, item_size=4, limit=LIMIT)
    assert not out.any()


@pytest.mark.parametrize("bound", [(-1, 2, 0), (3, 2, 0), (0, 5, 0), (0, 2, 3), (0, 2, -1)])
def test_a_piece_outside_is_refused(descriptor: int, bound: tuple[int, int, int]) -> None:
    write(descriptor, np.arange(4), 4)
    pieces = Pieces(np.array([bound]), form_of(1, 2), np.zeros(4, np.uint8))
    span, out = np.array([[0, 4, 0]]), np.zeros(4, np.int32)
    with pytest.raises(NativeError, match="piece 0 reaches outside the output"):
        gather(descriptor, span, out, item_size=4, limit=LIMIT, pieces=pieces)


def test_what_is_no_array_of_tokens_is_refused(descriptor: int) -> None:
    spans = np.zeros((1, 3), np.int64)
    for out in (np.zeros(4, np.int16), np.zeros(8, np.int32)[::2]):
        with pytest.raises(NativeError, match="contiguous int32 or int64"):
            gather(descriptor, spans, out, item_size=4, limit=9)
    with pytest.raises(NativeError, match="shape"):
        gather(descriptor, np.zeros(3, np.int64), np.zeros(4, np.int32), item_size=4, limit=9)
    pieces = Pieces(spans, form_of(1, 2), np.zeros(3, np.uint8))
    with pytest.raises(NativeError, match="roles must be 4"):
        gather(descriptor, spans, np.zeros(4, np.int32), item_size=4, limit=9, pieces=pieces)
    with pytest.raises(NativeError, match="refused its arguments"):
        gather(descriptor, spans, np.zeros(4, np.int32), item_size=3, limit=9)


def test_nothing_is_read_of_nothing(descriptor: int) -> None:
    none = np.zeros((0, 3), np.int64)
    gather(descriptor, none, np.zeros(0, np.int32), item_size=4, limit=9)
    pieces = Pieces(none, form_of(1, 2), np.zeros(0, np.uint8))
    gather(descriptor, none, np.zeros(0, np.int32), item_size=4, limit=9, pieces=pieces)


def test_a_closed_file_is_an_error() -> None:
    with pytest.raises(GatherError, match="a read failed"):
        gather(9999, np.array([[0, 1, 0]]), np.zeros(1, np.int32), item_size=4, limit=9)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_tokens_past_two_to_the_thirty_one_are_reached(tmp_path: Path, dtype: Any) -> None:
    """A sparse file of 2**32 + 5 tokens."""
    path, start = tmp_path / "a.bin", 2**32
    ids = np.arange(5, dtype="<i4")
    with path.open("wb") as stream:
        stream.seek(4 * start)
        stream.write(ids.tobytes())
    out = np.full(8, -1, dtype=dtype)
    with path.open("rb") as stream:
        spans = np.array([[start - 2, 4, 0], [start, 4, 4]])
        gather(stream.fileno(), spans, out, item_size=4, limit=5)
    assert out.tolist() == [0, 0, 0, 1, 0, 1, 2, 3]
