"""Worker processes: the same work on many songs, in processes that end with their parent.

The results do not depend on how many processes there are.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

from yue.errors import AudioError
from yue.progress import progress_bar


@contextlib.contextmanager
def worker_pool(
    count: int, start: Callable[..., object] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Start a pool of processes; work that has not begun is dropped at the end.

    Args:
        count: How many.
        start: A module's function that each process calls first.
        arguments: Its arguments; they must pickle.
    """
    # Fresh processes: a fork would copy the locks of whatever threads the caller has.
    pool = ProcessPoolExecutor(
        count,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(start, arguments),
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker(start: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Leave interrupts to the parent, and end when it ends: it may be killed without a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_exit_after_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _exit_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# A worker is one thread: more would share the cores with the other workers, and a matrix product
# cut among threads need not round alike.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def map_songs(
    function: Callable[[_Item], _Result], items: Sequence[_Item], *, workers: int, label: str
) -> list[_Result]:
    """Apply a function to every song, with progress.

    Args:
        function: A module's function; it and the items must pickle.
        items: One for each song; the first are started first.
        workers: Processes; 0 is one for each core.
        label: What the progress line says.

    Returns:
        The results, in the order of ``items``.
    """
    if not items:
        return []
    count = min(workers or cores(), len(items))
    with (
        progress_bar(label, len(items), "songs") as bar,
        _set_environment(_ONE_THREAD),
        worker_pool(count) as pool,
    ):
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BrokenProcessPool as error:
            raise AudioError(
                f"{label}: a worker process died",
                why="the machine ran out of memory, or a decoder crashed on a damaged file",
                fix="run again with fewer runtime.workers; finished songs are kept",
            ) from error
        return [future.result() for future in futures]


@contextlib.contextmanager
def _set_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
