"""Songs to token documents, by the functions that make the training files of any song."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from yue.codecs.base import Codec
from yue.demo.music.corpus import Song, line_contents
from yue.demo.music.styles import FRAME, SAMPLE_RATE
from yue.files import write_array, write_jsonl
from yue.tokens.vocabulary import codec_range
from yue.tokens.write import write_token_files
from yue.workers import cores


def write_documents(songs: Iterable[Song], tokenizer: Path, codec: Codec, prefix: Path) -> None:
    """Encode songs and write them as token files.

    Args:
        songs: The songs.
        tokenizer: A SentencePiece model.
        codec: Encodes them; codebook 0 is used.
        prefix: Path of the token files without their suffixes; rows and codes go beside them.
    """
    folder = prefix.parent
    with ThreadPoolExecutor(cores()) as pool:
        names = (f"song-{number}" for number in count())
        rows = list(pool.map(partial(_row, codec, folder), songs, names))
    write_jsonl(folder / "songs.jsonl", rows)
    write_token_files(
        folder / "songs.jsonl",
        folder,
        tokenizer,
        codec_range(codec.name),
        output_prefix=prefix,
        codec_digest=codec.digest,
        max_rejected_share=0.0,
    )


def _row(codec: Codec, folder: Path, song: Song, name: str) -> dict[str, Any]:
    """A row of songs.jsonl; writes the codes that it names."""
    tracks = song.tracks.normalised()
    codes = codec.encode(np.stack([tracks.vocal, tracks.instrumental]))
    names = [f"{name}.{track}.npy" for track in ("vocal", "instrumental")]
    for path, lane in zip(names, codes, strict=True):
        with (folder / path).open("wb") as stream:
            write_array(stream, lane[:1])
    segments = []
    for section, text in zip(song.score.sections, line_contents(song.score), strict=True):
        start, end = song.score.frames(section)
        segments.append({"codec_frame_start": start, "codec_frame_end": end, "line_content": text})
    return {
        "id": name,
        "vocals_codec": names[0],
        "instrumental_codec": names[1],
        "audio_length_in_sec": codes.shape[2] * FRAME / SAMPLE_RATE,
        "genres": song.score.genres,
        "splitted_lyrics": {"segmented_lyrics": segments},
    }
