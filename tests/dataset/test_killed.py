"""Whoever is killed while writing leaves the old files, the new ones, or a clean error."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yue.dataset.gpt_index import GptOptions, gpt_index
from yue.dataset.merge import merge
from yue.dataset.reader import TokenFiles
from yue.errors import TokenFileError
from yue.tokens.megatron import bin_path, idx_path, info_path

OLD = [(5, [(3, 300 + n), (2, 555)]) for n in range(40)]
NEW = [(7, [(4, 200 + n), (1, 400), (2, 50)]) for n in range(50)]

SMALL = pytest.param(12, id="a_few")
ISSUE = pytest.param(200, id="two_hundred", marks=pytest.mark.slow)


@contextlib.contextmanager
def killed(work: Callable[[], Any], after: float) -> Iterator[None]:
    """Do it in a fork, killed after so many seconds."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    yield


def duration(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def contents(prefix: Path) -> list[list[int]] | None:
    """All documents, held to their checksums; None after an error with a name."""
    try:
        files = TokenFiles.open(prefix)
        files.verify()
    except TokenFileError as error:
        if str(prefix) not in error.what or "yue mmap" not in error.fix:
            raise
        return None
    return [files.document(number).tolist() for number in range(files.documents)]


def restore(prefix: Path, kept: dict[str, bytes]) -> None:
    for path in prefix.parent.iterdir():
        path.unlink()
    for name, data in kept.items():
        (prefix.parent / name).write_bytes(data)


@pytest.mark.parametrize("kills", [SMALL, ISSUE])
@pytest.mark.parametrize("way", ["write", "merge"])
def test_a_killed_writer_leaves_old_or_new_files_or_a_clean_error(
    tmp_path: Path, write_songs: Any, kills: int, way: str
) -> None:
    prefix, part = tmp_path / "out" / "a", tmp_path / "part"
    prefix.parent.mkdir()
    old = [document.tokens.tolist() for document in write_songs(prefix, OLD)]
    new = [document.tokens.tolist() for document in write_songs(part, NEW)]
    kept = {
        path(prefix).name: path(prefix).read_bytes() for path in (bin_path, idx_path, info_path)
    }

    def work() -> None:
        if way == "write":
            write_songs(prefix, NEW)
        else:
            merge([part], prefix)

    whole = duration(work)
    assert contents(prefix) == new
    draw, found = random.Random(7), {"old": 0, "new": 0, "error": 0}
    for _ in range(kills // 4 if way == "merge" else kills):
        restore(prefix, kept)
        with killed(work, draw.uniform(0, 1.3) * whole):
            left = contents(prefix)
        assert left in (old, new, None), "other tokens than were ever written"
        found["error" if left is None else "old" if left == old else "new"] += 1
    assert found["old"] + found["new"] > 0
    write_songs(prefix, NEW)
    assert contents(prefix) == new, "the next write puts everything right"


@pytest.mark.parametrize("kills", [SMALL, ISSUE])
def test_a_killed_builder_leaves_an_index_that_the_next_one_takes_or_builds(
    tmp_path: Path, kills: int
) -> None:
    lengths = np.arange(1, 40_000, dtype=np.int32) % 900 + 1
    options = GptOptions(20_000, 512, 1, shuffle_sequences=True)
    wanted = gpt_index(lengths, options)
    cache, draw = tmp_path / "cache", random.Random(3)

    def work() -> None:
        gpt_index(lengths, options, cache=cache)

    whole = duration(work)
    for _ in range(kills // 4):
        for entry in cache.glob("*.arrays"):
            entry.unlink()
        with killed(work, draw.uniform(0, 1.2) * whole):
            found = gpt_index(lengths, options, cache=cache)
        for name, array in vars(wanted).items():
            assert np.array_equal(vars(found)[name], array)
