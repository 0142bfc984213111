"""A file is read for its digest once, and again when it has changed."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import pytest

from yue.digests import Digests


def old_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after the files were written."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3600 * 10**9)


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path / "a", b"one")
    first = Digests(tmp_path / "kept")
    assert first.of(path) == sha256(b"one").hexdigest()
    first.save(tmp_path)
    monkeypatch.setattr("yue.digests.file_digest", None)
    assert Digests(tmp_path / "kept").of(path) == sha256(b"one").hexdigest()


def test_a_change_that_keeps_size_and_time_is_noticed(tmp_path: Path) -> None:
    path = old_file(tmp_path / "a", b"one")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    digests = Digests(tmp_path / "kept")
    digests.of(path)
    digests.save(tmp_path)
    path.write_bytes(b"two")
    os.utime(path, ns=times)
    assert Digests(tmp_path / "kept").of(path) == sha256(b"two").hexdigest()


def test_a_file_that_was_just_written_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_file(tmp_path / "a", b"one")
    monkeypatch.setattr(time, "time_ns", lambda: path.stat().st_mtime_ns + 1000)
    digests = Digests(tmp_path / "kept")
    digests.of(path)
    digests.save(tmp_path)
    assert not (tmp_path / "kept").exists()


def test_files_that_are_gone_are_forgotten_and_other_folders_kept(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        old_file(tmp_path / name / "a", name.encode())
        digests = Digests(tmp_path / "kept")
        digests.of(tmp_path / name / "a")
        digests.save(tmp_path / name)
    empty = Digests(tmp_path / "kept")
    empty.save(tmp_path / "one")
    kept = (tmp_path / "kept" / "digests.json").read_text()
    assert str(tmp_path / "two" / "a") in kept
    assert str(tmp_path / "one" / "a") not in kept


@pytest.mark.parametrize("text", ["", "[]", '{"a": [1]}', '{"a": {"b": 1}}', "{"])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "digests.json").write_text(text)
    path = old_file(tmp_path / "a", b"one")
    assert Digests(tmp_path).of(path) == sha256(b"one").hexdigest()


def test_a_file_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        Digests(tmp_path).of(tmp_path / "missing")
