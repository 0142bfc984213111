"""The store gives back what was put in, or nothing."""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yue.files import bytes_digest
from yue.store import Store

KEY = bytes_digest("a song")


def fill(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def data_file(store: Store, name: str) -> Path:
    (found,) = store.root.rglob(name)
    return found


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.dictionaries(
        st.text("abcdefgh.", min_size=1, max_size=8).filter(lambda name: name.strip(".")),
        st.binary(max_size=40),
        max_size=4,
    )
)
def test_an_entry_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store = Store(folder / "store")
    store.add(KEY, fill(folder / "made", **files))
    assert store.restore(KEY, folder / "back")
    assert contents(folder / "back") == files
    assert contents(folder / "made") == files


def test_what_was_not_added_is_absent(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert not store.restore(KEY, tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "a", x=b"1"))
    store.add(bytes_digest("other"), fill(tmp_path / "b", x=b"2"))
    assert store.restore(KEY, tmp_path / "back")
    assert contents(tmp_path / "back") == {"x": b"1"}


@pytest.mark.parametrize("key", ["../../etc", "a/b", "", "."])
def test_a_key_is_never_a_path(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        Store(tmp_path).restore(key, tmp_path / "back")


def test_a_damaged_entry_is_absent_and_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = fill(tmp_path / "made", x=b"123", y=b"4")
    store.add(KEY, made)
    damages = [
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.write_bytes(b"12")),
        lambda path: (path.unlink(), path.write_bytes(b"124")),
        lambda path: path.with_name(".manifest.json").unlink(),
        lambda path: (
            path.with_name(".manifest.json").chmod(0o644)
            or path.with_name(".manifest.json").write_text("{")
        ),
    ]
    for number, damage in enumerate(damages):
        damage(data_file(store, "x"))
        assert not store.restore(KEY, tmp_path / f"absent-{number}")
        store.add(KEY, made)
        assert store.restore(KEY, tmp_path / f"back-{number}")
        assert contents(tmp_path / f"back-{number}") == {"x": b"123", "y": b"4"}
    assert not list(store.root.glob(".scratch.*"))


def test_an_intact_entry_is_kept_and_not_replaced(tmp_path: Path) -> None:
    """Another process may be reading it."""
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "first", x=b"123"))
    before = store.find(KEY)
    assert before is not None
    inode = before.stat().st_ino
    store.add(KEY, fill(tmp_path / "second", x=b"456"))
    assert store.find(KEY) == before
    assert before.stat().st_ino == inode
    assert (before / "x").read_bytes() == b"123"


def test_a_damaged_entry_is_not_found_and_adding_replaces_it(tmp_path: Path) -> None:
    """Also a large file, whose bytes are not read while it has the time of its writing."""
    store = Store(tmp_path / "store")
    made = fill(tmp_path / "made", x=bytes(100_000))
    store.add(KEY, made)
    file = data_file(store, "x")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.unlink()
    file.write_bytes(bytes(99_999))
    os.utime(file, ns=times)
    assert store.find(KEY) is None
    store.add(KEY, made)
    entry = store.find(KEY)
    assert entry is not None
    assert (entry / "x").read_bytes() == bytes(100_000)


def test_a_store_that_was_copied_is_as_good(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)
    copy = Store(tmp_path / "copy")
    os.utime(data_file(copy, "x"), (1, 1))
    assert copy.restore(KEY, tmp_path / "back")


def test_replacing_a_restored_file_does_not_reach_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = fill(tmp_path / "made", x=b"123")
    store.add(KEY, made)
    store.restore(KEY, tmp_path / "back")
    for folder in (made, tmp_path / "back"):
        (folder / "x").unlink()
        (folder / "x").write_bytes(b"999")
    store.restore(KEY, tmp_path / "again")
    assert contents(tmp_path / "again") == {"x": b"123"}


def test_the_store_s_own_files_cannot_be_written_by_accident(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    assert data_file(store, "x").stat().st_mode & 0o777 == 0o444


def test_restoring_over_files_replaces_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    target = fill(tmp_path / "back", x=b"old", z=b"kept")
    os.link(target / "x", tmp_path / "linked")
    assert store.restore(KEY, target)
    assert contents(target) == {"x": b"123", "z": b"kept"}
    assert (tmp_path / "linked").read_bytes() == b"old"


def test_another_file_system_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    assert store.restore(KEY, tmp_path / "back")
    assert contents(tmp_path / "back") == {"x": b"123"}
    assert (tmp_path / "back" / "x").stat().st_nlink == 1


def test_a_small_file_that_changed_within_its_time_is_damaged(tmp_path: Path) -> None:
    """As after a loss of power: the name, the size and the time are there, the bytes are not."""
    store = Store(tmp_path / "store")
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    file = data_file(store, "x")
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.unlink()
    file.write_bytes(bytes(3))
    os.utime(file, ns=times)
    assert store.find(KEY) is None


def test_a_failed_add_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(source: int) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path / "store")
    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(OSError, match="No space"):
        store.add(KEY, fill(tmp_path / "made", x=bytes(100_000)))
    assert not store.restore(KEY, tmp_path / "back")
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def _add_often(root: Path, folder: Path) -> int:
    store = Store(root)
    back = folder.with_name(folder.name + "-back")
    for _ in range(20):
        store.add(KEY, folder)
        assert store.restore(KEY, back)
    return len(contents(back))


def test_many_may_add_the_same_at_once(tmp_path: Path) -> None:
    folders = [fill(tmp_path / str(n), x=b"123", y=b"45") for n in range(4)]
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        counts = list(pool.map(_add_often, [tmp_path / "store"] * 4, folders))
    assert counts == [2, 2, 2, 2]
    assert not list((tmp_path / "store").glob(".scratch.*"))


def _killed_in_scratch(store: Store) -> None:
    with store.scratch() as folder:
        fill(folder / "entry", raw=b"1")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.sweep()
    process = get_context("fork").Process(target=_killed_in_scratch, args=(store,))
    process.start()
    process.join()
    store.add(KEY, fill(tmp_path / "made", x=b"123"))
    with store.scratch() as running:
        store.sweep()
        assert list(store.root.glob(".scratch.*")) == [running]
    assert store.find(KEY) is not None


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with (
        pytest.raises(OSError, match="No space left on device") as caught,
        store.scratch() as folder,
        (folder / "raw").open("wb") as stream,
    ):
        os.dup2(os.open("/dev/full", os.O_WRONLY), stream.fileno())
        stream.write(b"1")
    assert caught.value.filename == str(store.root / "scratch")
