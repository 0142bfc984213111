"""What a user sees of work that goes on: a line of progress, and lines of training workers."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

MARK = "yue| "
"""What begins a line that a worker wants the user to see; all others go to the log."""

_REFRESH = 0.1  # seconds


def say(text: str) -> None:
    """Print a line of a training worker that the user is to see."""
    print(f"{MARK}{text}", flush=True)


class Progress:
    """A counter on standard error; silent unless that is a terminal.

    Args:
        label: What is going on, for example the stage.
        total: How many units there are.
        unit: What is counted, in the plural.
        speed: What units a second are called, where they have a name of their own.
    """

    def __init__(self, label: str, total: int, unit: str = "", speed: str = "") -> None:
        self._label, self._total, self._unit, self._speed = label, total, unit, speed
        self._done = 0
        self._shown = sys.stderr.isatty() and total > 0
        self._start = time.monotonic()
        self._last = float("-inf")

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._draw(force=True)
            print(file=sys.stderr)

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more units as done."""
        self._done += n
        self._draw()

    def _draw(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._shown and (force or now - self._last >= _REFRESH):
            self._last = now
            # \x1b[K clears what a longer line left behind.
            print(f"\r{self._line(now - self._start)}\x1b[K", end="", file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        line = f"{self._label}: {self._done}/{self._total} {self._unit}".rstrip()
        if self._done == 0 or seconds <= 0:
            return line
        rate = self._done / seconds
        left = (self._total - self._done) / rate
        if self._speed:
            speed = f"{rate:.3g} {self._speed}"
        else:
            speed = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
        return f"{line}, {speed}, {duration(left)} left"


def duration(seconds: float) -> str:
    """``1:02:03``, or ``2:03`` below an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
