"""Long tracks in pieces of one length, cut so that nothing is heard differently."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """How a codec cuts tracks.

    Attributes:
        frames: Of a window; what it gives is kept.
        context: Frames that it hears on either side of them.
    """

    frames: int
    context: int


@dataclass(frozen=True)
class Span:
    """One piece of a track, in frames: it reads start to stop, and first to end are kept."""

    start: int
    first: int
    end: int
    stop: int


def spans(frames: int, window: Window | None) -> list[Span]:
    """Pieces whose kept frames cover a track once.

    Pieces of any tracks are ``window.frames + 2 * window.context`` frames long, so that they go
    through a model in one batch: at a track's ends a piece is moved inwards, not filled. A shorter
    track, and any track without a window, is one piece.
    """
    whole = frames if window is None else window.frames + 2 * window.context
    if window is None or frames <= whole:
        return [Span(0, 0, frames, frames)]
    pieces = []
    for first in range(0, frames, window.frames):
        start = min(max(0, first - window.context), frames - whole)
        pieces.append(Span(start, first, min(first + window.frames, frames), start + whole))
    return pieces
