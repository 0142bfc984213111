"""Temporary files and folders go with the process that made them, even when it is killed."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file

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


@pytest.mark.parametrize(
    ("same_kernel", "same_name"), [(False, False), (True, False), (False, True)]
)
def test_what_other_machines_left_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, same_kernel: bool, same_name: bool
) -> None:
    kernel, name = temporary._machine()
    killed(half_a_folder, tmp_path / "audio")
    here = kernel if same_kernel else "01234567", name if same_name else "89abcdef"
    monkeypatch.setattr(temporary, "_machine", lambda: here)
    sweep(tmp_path / "audio")
    assert any(tmp_path.iterdir()) == (not same_kernel and not same_name)


def test_a_link_that_looks_like_a_leftover_is_not_followed(tmp_path: Path) -> None:
    killed(half_a_folder, tmp_path / "audio")
    left = next(tmp_path.iterdir())
    left.rename(tmp_path / "precious")
    left.symlink_to(tmp_path / "precious")
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


def test_a_mount_point_is_refused_before_the_work() -> None:
    with pytest.raises(OSError, match="mount point: '/proc'"), atomic_folder(Path("/proc")):
        pytest.fail("it began")


@pytest.mark.parametrize("new", [atomic_file, atomic_folder])
def test_a_folder_that_takes_no_files_is_told_of_by_the_name_that_was_wanted(
    new: Callable[[Path], AbstractContextManager[object]],
) -> None:
    with pytest.raises(OSError, match=r"'/proc/out'$"), new(Path("/proc/out")):
        pytest.fail("it began")


def test_a_full_disk_is_named_by_the_path_that_the_user_knows(tmp_path: Path) -> None:
    path, full = tmp_path / "out", os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left") as bare, atomic_file(path) as stream:
        os.dup2(full, stream.fileno())
        stream.write(b"1")
    with (
        pytest.raises(OSError, match="No space left") as inner,
        atomic_folder(path) as folder,
        atomic_file(folder / "part") as stream,
    ):
        os.dup2(full, stream.fileno())
        stream.write(b"1")
    os.close(full)
    assert [error.value.filename for error in (bare, inner)] == [str(path), str(path / "part")]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: np.save(folder / "x.npy", np.zeros(1 << 20)),
        lambda folder: save_file({"x": np.zeros(1 << 20)}, folder / "x.safetensors"),
        lambda folder: soundfile.write(folder / "x.wav", np.zeros(1 << 20), 16_000),
    ],
)
def test_errors_of_libraries_on_a_full_disk_are_told_as_that(
    small_disk: Path, write: Callable[[Path], None]
) -> None:
    with (
        pytest.raises(OSError, match=rf"No space left on device: '{small_disk}/out'"),
        atomic_folder(small_disk / "out") as folder,
    ):
        write(folder)
    assert list(small_disk.iterdir()) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as caught, atomic_folder(tmp_path / "out"):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    assert caught.value.filename is None
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "out"):
        _ = 1 / 0
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "gone" / "out"):
        shutil.rmtree(tmp_path / "gone")
        _ = 1 / 0
