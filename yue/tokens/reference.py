"""The ids of a song's reference audio (layout icl)."""

from __future__ import annotations

import numpy as np

from yue.errors import SongError
from yue.tokens.draws import Draws
from yue.tokens.lanes import Lanes
from yue.tokens.layouts.document import Ids
from yue.tokens.options import Options
from yue.tokens.prompts import Pool, draw_prompt
from yue.tokens.rows import SongRow
from yue.tokens.sections import check_upstream_codes, snapped

_DULL = 10  # a prompt is drawn again when fewer than one id in so many differ


def reference_ids(row: SongRow, lanes: Lanes, options: Options) -> Ids:
    """A stretch of the song between its first section and its last; int32, shape (N,).

    Raises:
        SongError: There is no audio between them, or upstream could not convert it.
    """
    step = lanes.codec.align if options.strict else 1
    shortest = min(codes.shape[1] for codes in lanes.tracks.values())
    bounds = max(0, row.segments[0].start), max(0, row.segments[-1].end)
    start, end = (snapped(min(frame, shortest), shortest, step) for frame in bounds)
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
