"""Reference audio for the head of a prompt (layout icl): from files, or a stretch of the song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.audio.decode import open_audio
from yue.audio.loudness import downmix
from yue.audio.resample import make_resampler
from yue.errors import GenerationError
from yue.generation.prompt_songs import SongSource
from yue.rejections import Rejected
from yue.tokens.layouts.blocks import interleaved_ids, lane_ids
from yue.tokens.options import Options
from yue.tokens.reference_audio import reference_ids
from yue.tokens.row_reader import read_rows
from yue.tokens.track_codes import MAX_LANE_DIFFERENCE, load_lanes

if TYPE_CHECKING:
    from yue.codecs.base import Codec
    from yue.tokens.vocabulary import CodecRange

Ids = NDArray[np.int32]

_RESAMPLER = "sinc_hann"  # YuE's


@dataclass(frozen=True)
class AudioPrompt:
    """Reference audio as the user gives it.

    Attributes:
        files: One track, or the vocal and the instrumental.
        start: Where the reference starts in them, in seconds.
        end: Where it ends; a file that ends before ends it.
    """

    files: tuple[Path, ...]
    start: float
    end: float


def encode_prompt(prompt: AudioPrompt, codec: Codec, ids: CodecRange) -> Ids:
    """Encode reference audio from files to ids: one track, or two that take turns.

    Whole files are encoded and their codes cut, so that a reference has the codes it would have in
    a training document of its song.

    Args:
        prompt: The files, and what to take of them.
        codec: Encodes them.
        ids: The ids of the codebooks that documents carry.

    Raises:
        AudioError: A file cannot be read.
        GenerationError: There is nothing between start and end, or the two tracks are not of one
            song.
    """
    tracks = [
        codec.encode(_read_mono(file, codec.sample_rate)[np.newaxis])[0, : ids.codebooks]
        for file in prompt.files
    ]
    lengths = [track.shape[1] for track in tracks]
    if max(lengths) - min(lengths) > MAX_LANE_DIFFERENCE:
        raise GenerationError(
            f"{prompt.files[0]} and {prompt.files[1]} differ in length: "
            f"{' and '.join(f'{float(n / codec.frame_rate):.2f}' for n in lengths)} seconds",
            why="the vocal and the instrumental of an audio prompt take turns, frame by frame",
            fix="give two tracks of one song",
        )
    first, last = (
        min(int(seconds * codec.frame_rate), min(lengths)) // ids.align * ids.align
        for seconds in (prompt.start, prompt.end)
    )
    if first >= last:
        raise GenerationError(
            f"{prompt.files[0]}: nothing between {prompt.start:g} and {prompt.end:g} seconds",
            why=f"it has {float(min(lengths) / codec.frame_rate):.2f} seconds",
            fix="correct generate.prompt_start and prompt_end (--prompt-start, --prompt-end)",
        )
    codes = [track[:, first:last] for track in tracks]
    if len(codes) == 1:
        return lane_ids(codes[0], ids)
    vocal, instrumental = codes
    return interleaved_ids(vocal, instrumental, ids)


def _read_mono(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """Read all samples of a file, (samples,), at ``sample_rate``."""
    with open_audio(path) as audio:
        convert = make_resampler(_RESAMPLER, audio.format.sample_rate, sample_rate, 1)
        parts = [convert.push(downmix(block)) for block in audio.blocks()]
        return np.concatenate([*parts, convert.finish()])[:, 0]


def own_references(
    sources: Sequence[SongSource], work: Path, codec: CodecRange, options: Options
) -> list[SongSource]:
    """Give each song the reference audio that its training document has.

    Args:
        sources: Songs of the project.
        work: The folder with ``songs.jsonl`` and the codes.
        codec: The codec of the codes.
        options: How rows became documents.

    Raises:
        GenerationError: A song has no reference.
        SongError: Its row or its codes cannot be used.
    """
    wanted = {source.song_id for source in sources}
    ids, found = options.ids(codec), {}
    for row in read_rows(work / "songs.jsonl", options):
        if isinstance(row, Rejected):
            if row.song_id in wanted:
                raise GenerationError(row.what, why=row.reason, fix=row.fix)
        elif row.id in wanted:
            found[row.id] = reference_ids(row, load_lanes(row, work, ids, options), options)
    return [replace(source, reference=found[source.song_id]) for source in sources]
