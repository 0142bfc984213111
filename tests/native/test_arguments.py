"""The C functions themselves, called as no wrapper would: a status, never a crash."""

from __future__ import annotations

from typing import Any

import pytest

from yue.native.library import library

NATIVE = library()
FFI: Any = NATIVE.ffi
LIB: Any = NATIVE.lib
NULL = FFI.NULL
BIG = 2**63 - 1


def i16(n: int = 4) -> Any:
    return FFI.new("int16_t[]", n)


def i32(n: int = 8) -> Any:
    return FFI.new("int32_t[]", n)


def i64(n: int = 4) -> Any:
    return FFI.new("int64_t[]", n)


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, i16(), 4, 0, 10, i32(), 8, i64()),
        (i16(), NULL, 4, 0, 10, i32(), 8, i64()),
        (i16(), i16(), 4, 0, 10, NULL, 8, i64()),
        (i16(), i16(), 4, 0, 10, i32(), 8, NULL),
        (i16(), i16(), -1, 0, 10, i32(), 8, i64()),
        (i16(), i16(), 4, 0, 10, i32(), 7, i64()),
        (i16(), i16(), 4, 0, 10, i32(), -1, i64()),
        (i16(), i16(), BIG, 0, 10, i32(), BIG - 1, i64()),
        (i16(), i16(), 4, -1, 10, i32(), 8, i64()),
        (i16(), i16(), 4, 2**31 - 5, 10, i32(), 8, i64()),
        (i16(), i16(), 4, 0, -1, i32(), 8, i64()),
    ],
)
def test_interleave_refuses(arguments: tuple[Any, ...]) -> None:
    assert LIB.yue_interleave(*arguments) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, 2, 2, i32(2), i32(2), i32(), 8, i64()),
        (i16(), 2, 2, NULL, i32(2), i32(), 8, i64()),
        (i16(), 2, 2, i32(2), NULL, i32(), 8, i64()),
        (i16(), 2, 2, i32(2), i32(2), NULL, 8, i64()),
        (i16(), 2, 2, i32(2), i32(2), i32(), 8, NULL),
        (i16(), -1, 2, i32(2), i32(2), i32(), 8, i64()),
        (i16(), 2, -1, i32(2), i32(2), i32(), 8, i64()),
        (i16(), 2, 2, i32(2), i32(2), i32(), 3, i64()),
        (i16(), 2**62, 2**62, i32(2), i32(2), i32(), BIG, i64()),
    ],
)
def test_flatten_refuses(arguments: tuple[Any, ...]) -> None:
    assert LIB.yue_flatten(*arguments) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, 2, 10, i32(), 8, i64()),
        (i64(), 2, 10, NULL, 8, i64()),
        (i64(), 2, 10, i32(), 8, NULL),
        (i64(), -1, 10, i32(), 8, i64()),
        (i64(), 2, -1, i32(), 8, i64()),
        (i64(), 2, 10, i32(), 1, i64()),
        (i64(), BIG, 10, i32(), 1, i64()),
    ],
)
def test_narrow_refuses(arguments: tuple[Any, ...]) -> None:
    assert LIB.yue_narrow(*arguments) == LIB.YUE_ARGUMENT


def test_nothing_to_do_needs_no_memory() -> None:
    assert LIB.yue_interleave(NULL, NULL, 0, 0, 0, NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_flatten(NULL, 0, 5, NULL, NULL, NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_flatten(NULL, 2, 0, i32(2), i32(2), NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_narrow(NULL, 0, 0, NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_index_pointers(NULL, 0, 4, NULL, 0, i64(), i64()) == LIB.YUE_OK
    assert LIB.yue_crc32c(5, NULL, 10) == 5
    assert LIB.yue_crc32c(5, i16(), -1) == 5


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, 2, 4, i64(), 4, i64(), i64()),
        (i32(), 2, 4, NULL, 4, i64(), i64()),
        (i32(), 2, 4, i64(), 1, i64(), i64()),
        (i32(), -2, 4, i64(), 4, i64(), i64()),
        (i32(), 2, 0, i64(), 4, i64(), i64()),
        (i32(), 2, 4, i64(), 4, NULL, i64()),
        (i32(), 2, 4, i64(), 4, i64(), NULL),
    ],
)
def test_pointers_refuse(arguments: tuple[Any, ...]) -> None:
    assert LIB.yue_index_pointers(*arguments) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, i64(), i64(), 2, 2, 4),
        (i32(), NULL, i64(), 2, 2, 4),
        (i32(), i64(), NULL, 2, 2, 4),
        (i32(), i64(), i64(), -1, 2, 4),
        (i32(), i64(), i64(), 2, 0, 4),
        (i32(), i64(), i64(), 2, 2, 0),
        (i32(), i64(), i64(), 2, 2, 9),
    ],
)
def test_the_index_check_refuses(arguments: tuple[Any, ...]) -> None:
    what = FFI.new("int *")
    assert LIB.yue_index_check(*arguments, i64(), what, i64()) == LIB.YUE_ARGUMENT
    for outputs in ((NULL, what, i64()), (i64(), NULL, i64()), (i64(), what, NULL)):
        assert LIB.yue_index_check(i32(), i64(), i64(), 2, 2, 4, *outputs) == LIB.YUE_ARGUMENT


def test_the_writer_refuses() -> None:
    out = FFI.new("yue_writer **")
    assert LIB.yue_writer_open(-1, 64, out) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_open(1, 0, out) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_open(1, 64, NULL) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_append(NULL, i32(), 1, 9, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_flush(NULL) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_checksums(NULL, NULL, 0) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_bytes(NULL) == LIB.yue_writer_blocks(NULL) == 0
    assert LIB.yue_writer_errno(NULL) == 0
    LIB.yue_writer_close(NULL)
    assert LIB.yue_writer_open(1, 64, out) == LIB.YUE_OK
    writer = FFI.gc(out[0], LIB.yue_writer_close)
    assert LIB.yue_writer_append(writer, NULL, 1, 9, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_append(writer, i32(), -1, 9, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_append(writer, i32(), 1, -1, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_append(writer, i32(), 1, 9, NULL) == LIB.YUE_ARGUMENT
    assert LIB.yue_writer_append(writer, i32(), BIG, 9, i64()) == LIB.YUE_OVERFLOW
    assert LIB.yue_writer_append(writer, NULL, 0, 9, i64()) == LIB.YUE_OK
