"""Files that appear whole or not at all, and names that are safe on disk."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import UsageError, YueError
from yue.files import (
    adopt,
    atomic_file,
    atomic_folder,
    bytes_digest,
    check_replaceable,
    read_json,
    read_jsonl,
    safe_name,
    value_digest,
    write_array,
    write_json,
    write_jsonl,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_file(path, "w") as stream:
        stream.write("new")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("codes", [700, 30_000])
def test_an_array_of_which_the_end_cannot_be_written_is_an_error(
    tmp_path: Path, codes: int
) -> None:
    array = np.arange(codes, dtype=np.int16)
    with (tmp_path / "whole.npy").open("wb") as stream:
        write_array(stream, array)
    np.testing.assert_array_equal(np.load(tmp_path / "whole.npy"), array)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with (
            pytest.raises(OSError, match="too large"),
            (tmp_path / "cut.npy").open("wb") as stream,
        ):
            write_array(stream, array)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("content", [b'{"a": "\xff"}\n', b"[" * 100_000])
def test_what_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    for read in (read_json, read_jsonl):
        with pytest.raises(YueError, match=r"a(:1)?: not "):
            read(tmp_path / "a")


def test_a_hard_linked_copy_never_changes(tmp_path: Path) -> None:
    path, cached = tmp_path / "a.txt", tmp_path / "cached.txt"
    path.write_text("old")
    os.link(path, cached)
    with atomic_file(path, "w") as stream:
        stream.write("new")
    assert (path.read_text(), cached.read_text()) == ("new", "old")


def test_a_folder_is_replaced_as_a_whole_or_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with atomic_folder(folder) as new:
        (new / "one").write_text("1")
    with pytest.raises(RuntimeError), atomic_folder(folder) as new:
        (new / "two").write_text("2")
        raise RuntimeError
    assert [p.name for p in folder.iterdir()] == ["one"]
    with atomic_folder(folder) as new:
        (new / "three").write_text("3")
    assert [p.name for p in folder.iterdir()] == ["three"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_takes_a_name_that_is_free_or_of_an_empty_one(tmp_path: Path) -> None:
    new, path = tmp_path / "new", tmp_path / "path"
    for is_adopted, there in ((True, None), (True, []), (False, ["a file"])):
        new.mkdir()
        if there is not None:
            path.mkdir()
        for name in there or ():
            (path / name).touch()
        assert adopt(new, path) == is_adopted
        assert new.exists() != is_adopted
        for folder in (new, path):
            shutil.rmtree(folder, ignore_errors=True)


def test_json_refuses_what_other_readers_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_reading_names_the_file_and_the_line(tmp_path: Path) -> None:
    with pytest.raises(YueError, match=r"a\.json: no such file"):
        read_json(tmp_path / "a.json")
    (tmp_path / "b.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(YueError, match=r"(?s)b\.jsonl:2: not valid JSON .*fix: run the stage"):
        read_jsonl(tmp_path / "b.jsonl")


def test_jsonl_round_trip(tmp_path: Path) -> None:
    rows = [{"id": "ä\n'\"", "n": 1.5}, {"id": "", "n": None}]
    write_jsonl(tmp_path / "a.jsonl", rows)
    assert read_jsonl(tmp_path / "a.jsonl") == rows


@given(st.text(max_size=300), st.text(max_size=300))
def test_safe_names_are_single_components_and_never_collide(first: str, second: str) -> None:
    names = [safe_name(first), safe_name(second)]
    for name in names:
        assert "/" not in name
        assert "\0" not in name
        assert not name.startswith(".")
        assert len(name.encode()) < 200
    assert (names[0] == names[1]) == (first == second)


def test_a_folder_is_replaced_only_where_an_earlier_result_goes(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    check_replaceable(folder, "mark")
    folder.mkdir()
    check_replaceable(folder, "mark")
    (folder / "thesis.txt").touch()
    for output, words in ((folder, "holds other files"), (folder / "thesis.txt", "is a file")):
        with pytest.raises(UsageError, match=words):
            check_replaceable(output, "mark")
    (folder / "mark").touch()
    check_replaceable(folder, "mark")


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_digests_keep_parts_apart(first: list[bytes], second: list[bytes]) -> None:
    assert (bytes_digest(*first) == bytes_digest(*second)) == (first == second)


def test_value_digest_ignores_key_order() -> None:
    assert value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    assert value_digest({"a": 1}) != value_digest({"a": 2})
