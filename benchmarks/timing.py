"""What the parts of native.py share: rounds in turn, lines of the table, and C to compare with."""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Way = Callable[[], object]


def compile_c(name: str, folder: Path) -> Any:
    """Compile a C file beside this one into a folder, and load it."""
    source, target = Path(__file__).with_name(f"{name}.c"), folder / f"{name}.so"
    subprocess.run(["cc", "-O3", "-fPIC", "-shared", str(source), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


@dataclass(frozen=True)
class Line:
    """One measured goal.

    Attributes:
        goal: Its number.
        what: The workload.
        ours: Seconds of this project.
        against: How much faster than each peer, or how many times a floor's time.
        wanted: The goal in words.
        holds: Whether it is met.
    """

    goal: str
    what: str
    ours: float
    against: dict[str, float]
    wanted: str
    holds: bool


def best(
    rounds: int, *, calls: int = 1, clock: Callable[[], float] = time.thread_time, **ways: Way
) -> dict[str, float]:
    """Return the best time of each way in seconds; the ways take turns, since machines are shared.

    Args:
        rounds: How often.
        calls: How often in a turn; more than one where a call is not long against the clock's.
        clock: By default the processor's time of this thread, kernel included, which other
            programs of the machine disturb least.
        ways: What to measure.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = clock()
            for _ in range(calls):
                way()
            times[name].append((clock() - start) / calls)
    return {name: min(found) for name, found in times.items()}


def line(
    goal: str,
    what: str,
    times: dict[str, float],
    wanted: dict[str, tuple[str, float]],
) -> Line:
    """Return a line of times: ``ours``, and peers; ``wanted`` of one is (">=", 4) or ("<=", 1.5).

    ">=" is how many times faster than the peer, "<=" how many times the peer's (the floor's) time.
    """
    ours, against, holds, words = times["ours"], {}, True, []
    for name, seconds in times.items():
        if name == "ours":
            continue
        is_floor = wanted.get(name, ("<=" if "floor" in name or "memcpy" in name else ">=", 0))[0]
        against[name] = ours / seconds if is_floor == "<=" else seconds / ours
    for name, (sign, number) in wanted.items():
        ratio = against[name]
        holds &= ratio <= number if sign == "<=" else ratio >= number
        words.append(f"{sign} {number:g}x {name.replace('_', ' ')}")
    return Line(goal, what, ours, against, ", ".join(words), holds)
