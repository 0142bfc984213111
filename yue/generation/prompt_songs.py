"""Songs that give prompts: those of the project with their recordings, or a file of lyrics."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yue.errors import GenerationError
from yue.files import map_array, read_json, read_jsonl
from yue.songs.lyrics import clean_genres, line_content, parse_lyrics
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
    """Take the first ``count`` songs: held-out ones (valid, test), then train; by id within.

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
    path = work / "stems" / "stems.jsonl"
    stems = {str(row["song_id"]): row for row in read_jsonl(path)} if path.is_file() else {}
    return [_read_source(rows[song], name, work, stems.get(song)) for name, song in chosen]


def _read_source(
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
    """Return the first codebooks of both tracks over ``spans`` (frames), joined; (K, frames) int16.

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
    """Return the recording's tracks over ``spans`` (seconds), joined; each (samples,) float32."""
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


TAGS = (
    "intro", "verse", "pre-chorus", "chorus", "post-chorus", "hook", "refrain", "bridge",
    "interlude", "inst", "instrumental", "solo", "break", "breakdown", "build", "drop", "rap",
    "spoken", "outro", "start", "end",
)  # fmt: skip
"""Labels of sections; words beside them ([verse 2], [guitar solo]) change nothing."""

_TAG_WORDS = {word for tag in TAGS for word in (tag, tag.replace("-", ""), tag.split("-")[-1])}


def lyrics_source(path: Path, genres: str, *, any_tag: bool = False) -> SongSource:
    """Read the song that a file of lyrics describes; its id is the file's name without suffix.

    The lyrics are read as those of training songs are.

    Args:
        path: Lyrics in sections under labels.
        genres: Free text.
        any_tag: Take labels that are none of :data:`TAGS`, too.

    Raises:
        GenerationError: The file cannot be read, has no section, or a label is not known.
    """
    try:
        sections = parse_lyrics(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise GenerationError(
            f"{path}: cannot be read as text ({error})", fix="give a file in UTF-8 (--lyrics)"
        ) from error
    if not sections:
        raise GenerationError(
            f"{path}: no lyrics",
            fix="write sections under labels, for example [verse]; [intro] may stand alone",
        )
    for section in sections:
        if not any_tag and not is_known(section.label):
            raise _unknown_tag(path, section.label)
    contents = tuple(line_content(section.label, section.lines) for section in sections)
    return SongSource(path.stem, "given", clean_genres(genres), contents)


def is_known(label: str) -> bool:
    """Whether a label has the name of a section among its words."""
    return any(word in _TAG_WORDS for word in re.findall(r"[a-z]+", label))


def _unknown_tag(path: Path, label: str) -> GenerationError:
    close = difflib.get_close_matches(label, TAGS, n=1)
    hint = f"did you mean [{close[0]}]?" if close else f"use one of {', '.join(TAGS)}"
    return GenerationError(
        f"{path}: unknown tag [{label}]",
        why="a model sings sections that it has learned; YuE never met one of this name",
        fix=f"{hint}; or give --any-tag, if the songs it was tuned on have it",
    )
