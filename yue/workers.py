"""Worker processes that go when their parent does."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any


@contextlib.contextmanager
def worker_pool(
    count: int, start: Callable[..., object] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes; work that has not begun is dropped at the end.

    Args:
        count: How many.
        start: A module's function that each process calls first.
        arguments: Its arguments; they must pickle.
    """
    # Fresh processes: a fork would copy the locks of whatever threads the caller has.
    pool = ProcessPoolExecutor(
        count,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(start, arguments),
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(start: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    """Leave interrupts to the parent, and go when it is gone: it may be killed without a word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_leave_after_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _leave_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
