"""Kills writers at random moments and holds what they leave to what may be left.

A process of its own, since forking one that has torch in its memory takes 40 ms and this one 5:

    python -m tests.dataset.kills (write | merge | index) KILLS FOLDER
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.dataset.conftest import song_document, write_documents
from yue.dataset.gpt_index import GptOptions, gpt_index
from yue.dataset.join_files import merge
from yue.dataset.token_files import TokenFiles
from yue.errors import TokenFileError
from yue.tokens.megatron_files import bin_path, idx_path, info_path

OLD = [song_document((5, [(3, 300 + n), (2, 555)]), n) for n in range(40)]
NEW = [song_document((7, [(4, 200 + n), (1, 400), (2, 50)]), n) for n in range(50)]


def forked(work: Callable[[], Any]) -> int:
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    return child


def kill(work: Callable[[], Any], after: float) -> None:
    """Do it in a fork, killed after so many seconds."""
    child = forked(work)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def duration(work: Callable[[], Any], prepare: Callable[[], None]) -> float:
    """Of the same in a fork that is let live; the longest of some: late kills find it done."""
    times = []
    for _ in range(5):
        prepare()
        start = time.perf_counter()
        os.waitpid(forked(work), 0)
        times.append(time.perf_counter() - start)
    return max(times)


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


def kill_writers(folder: Path, kills: int, way: str) -> Counter[str]:
    """The old files, the new ones, or a clean error."""
    prefix, part = folder / "out" / "a", folder / "part"
    prefix.parent.mkdir()
    write_documents(prefix, OLD)
    write_documents(part, NEW)
    old, new = ([document.tokens.tolist() for document in songs] for songs in (OLD, NEW))
    paths = [path(prefix) for path in (bin_path, idx_path, info_path)]
    kept = {path: path.read_bytes() for path in paths}

    def restore() -> None:
        for path in prefix.parent.iterdir():
            path.unlink()
        for path, data in kept.items():
            path.write_bytes(data)

    def work() -> None:
        if way == "write":
            write_documents(prefix, NEW)
        else:
            merge([part], prefix)

    whole = duration(work, restore)
    assert contents(prefix) == new
    draw, found = random.Random(7), Counter[str]()
    for _ in range(kills):
        restore()
        kill(work, draw.uniform(0, 1.3) * whole)
        left = contents(prefix)
        assert left in (old, new, None), "other tokens than were ever written"
        found["error" if left is None else "old" if left == old else "new"] += 1
    write_documents(prefix, NEW)
    assert contents(prefix) == new, "the next write puts everything right"
    return found


def kill_builders(cache: Path, kills: int) -> Counter[str]:
    """An index in the cache that the next one takes, or builds."""
    lengths = np.arange(1, 40_000, dtype=np.int32) % 900 + 1
    options = GptOptions(20_000, 512, 1, shuffle_sequences=True)
    wanted = gpt_index(lengths, options)

    def clear() -> None:
        for entry in cache.glob("*.arrays"):
            entry.unlink()

    def work() -> None:
        gpt_index(lengths, options, cache=cache)

    whole = duration(work, clear)
    draw, found = random.Random(3), Counter[str]()
    for _ in range(kills):
        clear()
        kill(work, draw.uniform(0, 1.2) * whole)
        found["new" if list(cache.glob("*.arrays")) else "none"] += 1
        index = gpt_index(lengths, options, cache=cache)
        for name, array in vars(wanted).items():
            assert np.array_equal(vars(index)[name], array)
    return found


if __name__ == "__main__":
    way, kills, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    is_index = way == "index"
    found = kill_builders(folder, kills) if is_index else kill_writers(folder, kills, way)
    print(json.dumps(found))
