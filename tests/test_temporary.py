"""Temporary files and folders go with the process that made them, even when it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from yue import temporary
from yue.files import atomic_file, atomic_folder
from yue.temporary import exchange, sweep


def killed(function: Callable[[Path], object], path: Path) -> None:
    """Call a function in a process that is killed before it returns."""
    process = get_context("fork").Process(target=function, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def half_a_folder(path: Path) -> None:
    with atomic_folder(path) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "half").write_text("1")
        os.kill(os.getpid(), signal.SIGKILL)


def half_a_file(path: Path) -> None:
    with atomic_file(path) as stream:
        stream.write(b"1")
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(half_a_folder, tmp_path / "audio")
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_folder(tmp_path / "audio") as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert [path.name for path in tmp_path.iterdir()] == ["audio"]


def test_what_the_living_write_stays(tmp_path: Path) -> None:
    with (
        atomic_folder(tmp_path / "audio") as folder,
        atomic_folder(tmp_path / "audio.flac") as other,  # of a name that starts the same
        atomic_file(tmp_path / "audio.json") as stream,
    ):
        (folder / "x").write_text("1")
        stream.write(b"1")
        for name in ("audio", "audio.flac", "audio.json"):
            sweep(tmp_path / name)
        assert (folder / "x").is_file()
        assert other.is_dir()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["audio", "audio.flac", "audio.json"]


def test_a_killed_file_is_swept_and_other_files_are_not(tmp_path: Path) -> None:
    others = [tmp_path / name for name in (".train.bin.tmp", ".train.x.tmp", "train.bin.new.tmp")]
    for other in others:
        other.write_text("a user's")
    killed(half_a_file, tmp_path / "train.bin")
    assert len(list(tmp_path.iterdir())) == len(others) + 1
    sweep(tmp_path / "train.bin")
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_link_that_looks_like_a_leftover_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".audio.12345678.new.tmp").symlink_to(tmp_path / "precious")
    sweep(tmp_path / "audio")
    assert (tmp_path / "precious").is_dir()


def test_two_names_are_swapped_in_one_step(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").write_text("1")
    if not exchange(tmp_path / "old", tmp_path / "new"):
        pytest.skip("the file system cannot")
    assert (tmp_path / "new").is_dir()
    assert (tmp_path / "old").read_text() == "1"
    assert not exchange(tmp_path / "old", tmp_path / "none")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_with_and_without_the_system_s_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(temporary, "_renameat2", None)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "old").write_text("1")
    (tmp_path / "out").symlink_to("elsewhere")
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "new").write_text("2")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["new"]
    assert (tmp_path / "out").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "out"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("1")
    with pytest.raises(NotADirectoryError, match="out"), atomic_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
