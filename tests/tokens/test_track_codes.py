"""A file of codes may be anything; what is read from it is codes."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError
from yue.tokens.track_codes import read_row_codes

CODES = np.random.default_rng(0).integers(0, 1024, (1, 200), dtype=np.int16)


def why(folder: Path) -> str:
    with pytest.raises(SongError) as error:
        read_row_codes(folder, "v.npy", "s:1")
    assert error.value.what == "s:1"
    assert error.value.fix
    return error.value.why


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((1, 200)), "float64 (1, 200), not codes"),
        (np.full((1, 200), np.nan), "not codes"),
        (np.zeros(200, np.int16), "int16 (200,), not codes"),
        (np.zeros((1, 2, 3), np.int16), "not codes"),
        (np.zeros((1, 0), np.int16), "no codes, shape (1, 0)"),
        (np.zeros((0, 200), np.int16), "no codes"),
        (np.zeros((1, 200), bool), "not codes"),
    ],
)
def test_what_is_no_codes_is_named(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "v.npy", array)
    assert reason in why(tmp_path)


@pytest.mark.parametrize("data", [None, b"", b"\x93NUMPY", b"not an array", b"PK\x03\x04"])
def test_a_missing_or_damaged_file_is_named_as_the_row_names_it(
    tmp_path: Path, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / "v.npy").write_bytes(data)
    assert why(tmp_path).startswith("v.npy: ")
    assert str(tmp_path) not in why(tmp_path), "messages are the same on every machine"


def test_a_file_cut_short_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", CODES)
    data = (tmp_path / "v.npy").read_bytes()
    (tmp_path / "v.npy").write_bytes(data[:-10])
    assert "not a .npy array" in why(tmp_path)


@given(st.integers(0, 127), st.integers(0, 255))
def test_a_damaged_header_is_an_error_or_still_codes(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "v.npy"
    np.save(path, CODES)
    data = bytearray(path.read_bytes())
    data[place] = byte
    path.write_bytes(data)
    with contextlib.suppress(SongError), warnings.catch_warnings(action="ignore"):
        assert read_row_codes(path.parent, "v.npy", "s:1").dtype.kind in "iu"


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u8", "<i8", "u1"])
def test_any_integers_in_any_order_are_read(
    tmp_path: Path, version: tuple[int, int], dtype: str
) -> None:
    codes = np.arange(24).reshape(2, 12).astype(dtype)
    for array in (codes, np.asfortranarray(codes)):
        with (tmp_path / "v.npy").open("wb") as stream:
            np.lib.format.write_array(stream, array, version=version)
        assert np.array_equal(read_row_codes(tmp_path, "v.npy", "s:1"), codes)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "v.npy", np.array([[Bomb()]]), allow_pickle=True)
    assert "not a .npy array" in why(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_what_is_no_file_is_an_error_and_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "v.npy").mkdir()
    assert "v.npy: cannot be read" in why(tmp_path)
    (tmp_path / "v.npy").rmdir()
    os.mkfifo(tmp_path / "v.npy")
    assert "v.npy: cannot be read (not a regular file)" in why(tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800.npy", "", "."])
def test_a_path_that_is_none_is_an_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(SongError):
        read_row_codes(tmp_path, path, "s:1")
