"""Reference audio of a song (layout icl): which stretch of it, and its ids.

Source of the rules: YuE v1, ``finetune`` (audio ICL). Lengths around 30 seconds, in a chorus where
there is one that is long enough, drawn again where the stretch has little variety. Unlike
upstream's, the draws belong to the song, a prompt of two tracks always starts on a vocal id, and a
length that is asked for is the length that is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp

import numpy as np
import numpy.typing as npt

from yue.errors import SongError
from yue.tokens.layouts.blocks import Draws, Ids
from yue.tokens.options import Options
from yue.tokens.row_reader import SongRow
from yue.tokens.sections import check_upstream_codes, snap_frame
from yue.tokens.track_codes import Lanes

Floats = npt.NDArray[np.float64]

_MEAN, _VARIANCE = 30.0, 3.0  # of a length, in seconds
_SHORTEST, _LONGEST, _POINTS = 20.0, 40.0, 100
_REDRAWS = 5
_DULL = 10  # a prompt is drawn again when fewer than one id in so many differ


def reference_ids(row: SongRow, lanes: Lanes, options: Options) -> Ids:
    """Draw a stretch of the song between its first section and its last; int32, shape (N,).

    Raises:
        SongError: There is no audio between them, or upstream could not convert it.
    """
    step = lanes.codec.align if options.strict else 1
    shortest = min(codes.shape[1] for codes in lanes.tracks.values())
    bounds = max(0, row.segments[0].start), max(0, row.segments[-1].end)
    start, end = (snap_frame(min(frame, shortest), shortest, step) for frame in bounds)
    if start >= end:
        raise SongError(
            row.place,
            why=f"no audio for a prompt between frame {bounds[0]}, where its first section starts, "
            f"and {bounds[1]}, where its last ends",
            fix="correct the sections' times",
        )
    if not options.strict:
        for track, codes in lanes.tracks.items():
            check_upstream_codes(codes[:, start:end], lanes.codec, f"{row.place}, {track}")

    kind = options.audio_prompt
    names = {"dual": ("vocal", "instrumental"), "inst": ("instrumental",)}.get(kind, (kind,))

    def is_dull(frames: slice) -> bool:
        ids = lanes.ids(names, frames)
        return len(np.unique(ids)) * _DULL < len(ids)

    pool = Pool(start, end, lanes.rate, row.choruses, step)
    draws = Draws(options.seed, "prompt", row.id)
    seconds = options.prompt_seconds
    return lanes.ids(names, draw_prompt(pool, draws, seconds=seconds, is_dull=is_dull))


@dataclass(frozen=True)
class Pool:
    """Where a prompt may come from.

    Attributes:
        start: First frame.
        end: One past the last.
        rate: Frames a second.
        choruses: From where to where each chorus lasts, in seconds.
        step: A prompt starts and ends at multiples of this many frames from ``start``.
    """

    start: int
    end: int
    rate: float
    choruses: tuple[tuple[float, float], ...]
    step: int = 1

    @property
    def steps(self) -> int:
        """Its length, in steps."""
        return (self.end - self.start) // self.step

    def place(self, seconds: float) -> int:
        """Return a time as a place in the pool, in steps, within it."""
        return min(max(0, (int(seconds * self.rate) - self.start) // self.step), self.steps)

    def frames(self, start: int, length: int) -> slice:
        """Return steps as frames of the song."""
        first = self.start + start * self.step
        return slice(first, first + length * self.step)


def draw_prompt(
    pool: Pool, draws: Draws, *, seconds: float | None, is_dull: Callable[[slice], bool]
) -> slice:
    """Draw the frames of a prompt.

    Args:
        pool: Where it may come from, at least one step long.
        draws: The song's own.
        seconds: Its length; None draws one as YuE was trained.
        is_dull: Whether frames have so little variety that another place is drawn (five times at
            the most).
    """
    length = _draw_steps(pool, draws, seconds)
    room = pool.steps - length
    start = draws.below(room + 1)
    if pool.choruses:
        first, last = pool.choruses[draws.below(len(pool.choruses))]
        earliest, latest = pool.place(first), pool.place(last) - length
        if latest > earliest:
            start = earliest + draws.below(latest - earliest + 1)
    for _ in range(_REDRAWS):
        if not is_dull(pool.frames(start, length)):
            break
        start = draws.below(room + 1)
    return pool.frames(start, length)


def draw_seconds(draws: Draws) -> float:
    """Draw a length as YuE was trained: normal around 30 s, variance 3, from 20 to 40 s."""
    points, shares = _length_table()
    return float(np.interp(draws.share(), shares, points))


@cache
def _length_table() -> tuple[Floats, Floats]:
    """Return upstream's table of lengths, and the share of songs up to each."""
    points = np.linspace(_SHORTEST, _LONGEST, _POINTS)
    weights = np.array([exp(-((x - _MEAN) ** 2) / (2 * _VARIANCE)) for x in points])
    return points, np.cumsum(weights / weights.sum())


def _draw_steps(pool: Pool, draws: Draws, seconds: float | None) -> int:
    """Draw the length of a prompt in steps; half the pool where the pool is too short."""
    drawn = int(draw_seconds(draws) * pool.rate)  # always: what is drawn next stays the same
    frames = drawn if seconds is None else round(seconds * pool.rate)
    steps = max(1, frames // pool.step)
    return steps if steps < pool.steps else max(1, pool.steps // 2)
