"""Files that appear whole or not at all, and names that are safe on disk."""

from __future__ import annotations

import os
import resource
import shutil
import unicodedata
from pathlib import Path
from urllib.parse import unquote

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


# What composes, what a file system minds, and names at the limit of length.
IDS = st.one_of(
    st.text(max_size=20),
    st.text("aA\u0301\u0308\u212b\u1100\u1161é/%.~-'# \0\n", max_size=8),
    st.builds(str.__mul__, st.sampled_from(["я", "%", "ab", "日"]), st.integers(50, 400)),
)


@given(IDS, IDS)
def test_safe_names_are_single_components_and_never_collide(first: str, second: str) -> None:
    names = [safe_name(first), safe_name(second)]
    for song_id, name in zip((first, second), names, strict=True):
        assert not set(name) & set('/\\\0\n*?$`"|<>:')
        assert not name.startswith(".")
        assert len(name.encode()) <= 180
        assert unicodedata.normalize("NFC", name) == name  # no two such are canonically equivalent
        assert unquote(name) == song_id or "~" in name
        assert safe_name(name) != name or name == song_id
    assert (names[0] == names[1]) == (first == second)


@pytest.mark.parametrize(
    ("song_id", "name"),
    [
        ("Don't Stop (Live, 1999)", "Don't Stop (Live, 1999)"),
        ("Надежда – мой компас", "Надежда – мой компас"),
        ("हिन्दी 夜曲", "हिन्दी 夜曲"),
        ("и\u0306", "и%CC%86"),
        ("album/a#000", "album%2Fa%23000"),
        ("..", "%2E."),
        ("100%", "100%25"),
    ],
)
def test_names_that_can_be_read_stay_readable(song_id: str, name: str) -> None:
    assert safe_name(song_id) == name


def test_a_name_that_was_cut_is_no_other_song_s(tmp_path: Path) -> None:
    name = safe_name("ж" * 200)
    assert name.startswith("жжж")
    assert safe_name(name) != name
    (tmp_path / f"{name}.instrumental.npy").touch()


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
