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


def test_nothing_to_do_needs_no_memory() -> None:
    assert LIB.yue_interleave(NULL, NULL, 0, 0, 0, NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_flatten(NULL, 0, 5, NULL, NULL, NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_flatten(NULL, 2, 0, i32(2), i32(2), NULL, 0, i64()) == LIB.YUE_OK
    assert LIB.yue_index_pointers(NULL, 0, 4, 0, NULL, 0, i64(), i64()) == LIB.YUE_OK
    assert LIB.yue_crc32c(5, NULL, 10) == 5
    assert LIB.yue_crc32c(5, i16(), -1) == 5


@pytest.mark.parametrize(
    "arguments",
    [
        (NULL, 2, 4, 0, i64(), 4, i64(), i64()),
        (i32(), 2, 4, 0, NULL, 4, i64(), i64()),
        (i32(), 2, 4, 0, i64(), 1, i64(), i64()),
        (i32(), -2, 4, 0, i64(), 4, i64(), i64()),
        (i32(), 2, 0, 0, i64(), 4, i64(), i64()),
        (i32(), 2, 4, -1, i64(), 4, i64(), i64()),
        (i32(), 2, 4, 0, i64(), 4, NULL, i64()),
        (i32(), 2, 4, 0, i64(), 4, i64(), NULL),
    ],
)
def test_pointers_refuse(arguments: tuple[Any, ...]) -> None:
    assert LIB.yue_index_pointers(*arguments) == LIB.YUE_ARGUMENT


def index_of(**changes: Any) -> Any:
    fields = {
        "sequences": 2, "marks": 2, "item_size": 4,
        "lengths": i32(), "documents": i64(), "starts": i64(),
    }  # fmt: skip
    return FFI.new("yue_index *", {**fields, **changes}), fields, changes


@pytest.mark.parametrize(
    "changes",
    [
        {"sequences": -1}, {"sequences": BIG}, {"marks": 0}, {"marks": BIG}, {"item_size": 0},
        {"item_size": 3}, {"item_size": 9}, {"lengths": NULL}, {"documents": NULL},
        {"starts": NULL},
    ],
)  # fmt: skip
def test_the_index_is_not_read_into_nothing(changes: dict[str, Any]) -> None:
    index, *_kept = index_of(**changes)
    crc, what = FFI.new("uint32_t *"), FFI.new("int *")
    read = LIB.yue_index_read
    assert read(0, 34, index, crc, i64(), what, i64()) == LIB.YUE_ARGUMENT


def test_the_index_needs_somewhere_to_answer() -> None:
    index, *_kept = index_of()
    crc, what = FFI.new("uint32_t *"), FFI.new("int *")
    good = [0, 34, index, crc, i64(), what, i64()]
    for place, wrong in enumerate([-1, -1, NULL, NULL, NULL, NULL, NULL]):
        arguments = [*good[:place], wrong, *good[place + 1 :]]
        assert LIB.yue_index_read(*arguments) == LIB.YUE_ARGUMENT


GATHER = (0, 4, i64(3), 1, 9, i32(), 4, 8, NULL, i64(), i64())


@pytest.mark.parametrize(
    ("place", "wrong"),
    [(0, -1), (1, 3), (2, NULL), (3, -1), (4, -1), (5, NULL), (6, 5), (7, -1), (9, NULL),
     (10, NULL)],
)  # fmt: skip
def test_gather_refuses(place: int, wrong: Any) -> None:
    assert LIB.yue_gather(*GATHER[:place], wrong, *GATHER[place + 1 :]) == LIB.YUE_ARGUMENT


def form_of(**changes: Any) -> tuple[Any, ...]:
    fields = {"lanes": 2, "codebooks": 1, "code_starts": i32(2), **changes}
    return FFI.new("yue_form *", fields), fields


@pytest.mark.parametrize(
    "changes",
    [
        {"lanes": 0}, {"lanes": 3}, {"codebooks": 0}, {"codebooks": 13}, {"code_starts": NULL},
        {"marker_size": -1}, {"marker_size": 1},
    ],
)  # fmt: skip
def test_roles_refuse_a_form_that_is_none(changes: dict[str, Any]) -> None:
    form, _kept = form_of(**changes)
    roles, bounds = FFI.new("unsigned char[]", 8), i64(3)
    pieces = FFI.new("yue_pieces *", {"bounds": bounds, "count": 1, "form": form, "roles": roles})
    assert LIB.yue_roles(i32(), 4, 8, pieces, i64()) == LIB.YUE_ARGUMENT


NONE_OF = [{"bounds": NULL}, {"count": -1}, {"form": NULL}, {"roles": NULL}]


@pytest.mark.parametrize("changes", NONE_OF)
def test_roles_refuse_pieces_that_are_none(changes: dict[str, Any]) -> None:
    form, _kept = form_of()
    roles, bounds = FFI.new("unsigned char[]", 8), i64(3)
    fields = {"bounds": bounds, "count": 1, "form": form, "roles": roles, **changes}
    assert LIB.yue_roles(i32(), 4, 8, FFI.new("yue_pieces *", fields), i64()) == LIB.YUE_ARGUMENT
    good = FFI.new("yue_pieces *", {"form": form, "roles": roles})
    assert LIB.yue_roles(NULL, 4, 8, good, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_roles(i32(), 5, 8, good, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_roles(i32(), 4, -1, good, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_roles(i32(), 4, 8, NULL, i64()) == LIB.YUE_ARGUMENT
    assert LIB.yue_roles(i32(), 4, 8, good, NULL) == LIB.YUE_ARGUMENT
    assert LIB.yue_roles(i32(), 4, 8, good, i64()) == LIB.YUE_OK


def test_shuffles_refuse() -> None:
    state = FFI.new("uint32_t[]", LIB.YUE_RANDOM_WORDS)
    assert LIB.yue_random_seed(1, NULL) == LIB.YUE_ARGUMENT
    assert LIB.yue_random_seed(1, state) == LIB.YUE_OK
    for arguments in [
        (NULL, i32(), 8, 4), (state, NULL, 8, 4), (state, i32(), -1, 4), (state, i32(), 8, 2),
        (state, i32(), 2**32 + 1, 4),
    ]:  # fmt: skip
        assert LIB.yue_shuffle(*arguments) == LIB.YUE_ARGUMENT
    assert LIB.yue_shuffle(state, NULL, 0, 4) == LIB.YUE_OK
    state[LIB.YUE_RANDOM_WORDS - 1] = 700  # a place outside the words
    assert LIB.yue_shuffle(state, i32(), 8, 4) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    ("place", "wrong"),
    [(0, NULL), (1, -1), (3, -1), (4, 0), (4, 2**31), (5, NULL), (6, 2), (7, -1), (7, BIG),
     (8, NULL), (3, 5)],
)  # fmt: skip
def test_the_sample_index_refuses(place: int, wrong: Any) -> None:
    good = (i32(), 8, NULL, 8, 16, i32(), 4, 2, i64())
    assert LIB.yue_sample_index(*good) == LIB.YUE_OK
    arguments = (*good[:place], wrong, *good[place + 1 :])
    assert LIB.yue_sample_index(*arguments) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    ("place", "wrong"), [(0, NULL), (1, 0), (1, 2**15), (2, -1), (2, 2**53), (3, NULL), (4, NULL)]
)
def test_the_blend_refuses(place: int, wrong: Any) -> None:
    good = (FFI.new("double[]", [0.5, 0.5]), 2, 4, FFI.new("int16_t[]", 4), i64())
    assert LIB.yue_blend(*good) == LIB.YUE_OK
    assert LIB.yue_blend(*good[:place], wrong, *good[place + 1 :]) == LIB.YUE_ARGUMENT


@pytest.mark.parametrize(
    ("place", "wrong"),
    [(0, NULL), (1, -1), (1, BIG), (2, 0), (2, 2**31), (3, NULL), (4, NULL), (5, NULL), (6, NULL)],
)
def test_best_fit_refuses(place: int, wrong: Any) -> None:
    good = (FFI.new("int64_t[]", [1, 2]), 2, 4, i64(2), i64(3), i64(1), i64(1))
    assert LIB.yue_best_fit(*good) == LIB.YUE_OK
    assert LIB.yue_best_fit(*good[:place], wrong, *good[place + 1 :]) == LIB.YUE_ARGUMENT


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
