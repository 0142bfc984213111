"""Which songs give the prompts, and how their own recordings sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.files import map_array, read_json, read_jsonl
from yue.tokens.codes_file import read_codes

# Songs the model has not been trained on come first.
_ORDER = ("valid", "test", "train")


@dataclass(frozen=True)
class Recording:
    """Where a song's own codes and audio are.

    Attributes:
        codes: Role to (K, T) ``.npy``.
        audio: Role ("vocal", "instrumental", "mixture") to (samples,) float32 ``.npy``; may lack
            roles.
        sample_rate: Of the audio.
    """

    codes: dict[str, Path]
    audio: dict[str, Path]
    sample_rate: int


@dataclass(frozen=True, eq=False)
class SongSource:
    """A song that gives a prompt.

    Attributes:
        song_id: Its id.
        split: "valid", "test", "train", or "given" for lyrics from a file.
        genres: Free text.
        line_contents: One text for each section.
        frames: (first, end) codec frames of each section in the recording; empty without one.
        recording: The song itself, or None for lyrics from a file.
        reference: Ids of reference audio for the prompt, int32, or None.
    """

    song_id: str
    split: str
    genres: str
    line_contents: tuple[str, ...]
    frames: tuple[tuple[int, int], ...] = ()
    recording: Recording | None = None
    reference: NDArray[np.int32] | None = None


def choose_songs(work: Path, count: int) -> list[SongSource]:
    """The first ``count`` songs in the order held-out (valid, test), then train; by id within.

    Args:
        work: The folder with ``songs.jsonl``, ``split.json`` and ``stems/stems.jsonl``.
        count: How many songs at most.

    Raises:
        GenerationError: There is no song, or a song of the split has no row.
    """
    split: dict[str, list[str]] = read_json(work / "split.json")
    rows = {str(row["id"]): row for row in read_jsonl(work / "songs.jsonl")}
    chosen = [(name, song) for name in _ORDER for song in sorted(split.get(name, []))][:count]
    missing = [song for _, song in chosen if song not in rows]
    if missing or not chosen:
        raise GenerationError(
            f"{work / 'split.json'}: no row in songs.jsonl for {missing[0]!r}"
            if missing
            else f"{work / 'split.json'}: no songs to take prompts from",
            fix="run `dvc repro songs` again",
        )
    recordings = _recordings(work)
    return [_source(rows[song], name, work, recordings.get(song)) for name, song in chosen]


def _recordings(work: Path) -> dict[str, dict[str, Any]]:
    path = work / "stems" / "stems.jsonl"
    return {str(row["song_id"]): row for row in read_jsonl(path)} if path.is_file() else {}


def _source(
    row: dict[str, Any], split: str, work: Path, stems: dict[str, Any] | None
) -> SongSource:
    try:
        segments = row["splitted_lyrics"]["segmented_lyrics"]
        codes = {
            "vocal": work / row["vocals_codec"],
            "instrumental": work / row["instrumental_codec"],
        }
        audio = {
            role: work / stems[role]
            for role in ("vocal", "instrumental", "mixture")
            if stems and stems.get(role)
        }
        return SongSource(
            song_id=str(row["id"]),
            split=split,
            genres=str(row["genres"]),
            line_contents=tuple(str(segment["line_content"]) for segment in segments),
            frames=tuple(
                (int(segment["codec_frame_start"]), int(segment["codec_frame_end"]))
                for segment in segments
            ),
            recording=Recording(codes, audio, int(stems["sample_rate"]) if stems else 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GenerationError(
            f"{work / 'songs.jsonl'}: song {row.get('id')!r} lacks or garbles {error}",
            fix="run `dvc repro songs` again",
        ) from error


def recorded_codes(
    recording: Recording, spans: Sequence[tuple[int, int]], codebooks: int
) -> dict[str, NDArray[np.int16]]:
    """The first codebooks of both tracks over ``spans`` (frames), joined; (K, frames) int16.

    Raises:
        GenerationError: A file of codes is missing or is not an array.
    """
    lanes = {}
    for role, path in recording.codes.items():
        codes = _load(path, read_codes)[:codebooks]
        pieces = [codes[:, first:end] for first, end in spans]
        lanes[role] = np.concatenate(pieces, axis=1).astype(np.int16)
    return lanes


def recorded_audio(
    recording: Recording, spans: Sequence[tuple[float, float]]
) -> dict[str, NDArray[np.float32]]:
    """The recording's tracks over ``spans`` (seconds), joined; each (samples,) float32."""
    rate = recording.sample_rate
    tracks = {}
    for role, path in recording.audio.items():
        audio = _load(path, map_array)
        pieces = [audio[round(start * rate) : round(end * rate)] for start, end in spans]
        full_scale = 32_768 if audio.dtype == np.int16 else 1
        tracks[role] = np.concatenate(pieces).astype(np.float32) / np.float32(full_scale)
    return tracks


def _load(path: Path, read: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
    try:
        return read(path)
    except (OSError, ValueError) as error:
        raise GenerationError(
            f"{path}: cannot be read as an array ({error})", fix="run `dvc repro` again"
        ) from error
