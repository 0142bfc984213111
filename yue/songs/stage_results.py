"""What earlier stages left for this one, read and joined by song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from yue.audio.converted_tracks import read_stems, read_tracks, whole_songs
from yue.audio.discover import discover_songs
from yue.errors import SongError, YueError
from yue.files import read_json, read_jsonl
from yue.paths import Paths
from yue.rejections import Rejections, read_rejections
from yue.songs.build_rows import Piece
from yue.songs.duplicates import Codes
from yue.songs.song_rows import Row
from yue.tokens.codes_file import read_codes


@dataclass(frozen=True)
class StageInputs:
    """The songs as earlier stages left them.

    Attributes:
        songs: Song id to its pieces in order of time (a whole song is one piece).
        tracks: Song id to its audio files, relative to the songs folder; also of songs that were
            rejected since.
        codec: The codec's name.
        rate: Its frames a second.
        rejections: What earlier stages left out.
    """

    songs: dict[str, list[Piece]]
    tracks: dict[str, tuple[str, ...]]
    codec: str
    rate: Fraction
    rejections: Rejections


def read_inputs(songs_dir: Path, paths: Paths) -> StageInputs:
    """Read ``audio.jsonl``, ``stems.jsonl``, ``codes.jsonl`` and the earlier rejections.

    Raises:
        YueError: A file is missing or damaged, or they are not of the same songs.
    """
    tracks = _audio_files(songs_dir)
    owner = {path: song for song in sorted(tracks) for path in tracks[song]}
    converted = {track.song_id: track for track in read_tracks(paths.audio / "audio.jsonl")}
    codes = _codes(paths.codes / "codes.jsonl")
    rejections = read_rejections(paths.codes / "rejected.json", "tokenize")
    tokenize = rejections.at("tokenize")
    without_codes = {entry.song_id for entry in (*tokenize.lost, *tokenize.partly)}
    songs: dict[str, list[Piece]] = {}
    for stems in read_stems(paths.stems / "stems.jsonl"):
        track = converted.get(stems.song_id)
        song = owner.get(track.source) if track else None
        if track is None or song is None:
            raise SongError(
                f"{paths.stems / 'stems.jsonl'}: song '{stems.song_id}' is not in "
                f"{songs_dir if track else paths.audio / 'audio.jsonl'}",
                why="the folder has changed since the earlier stages ran",
                fix="run `dvc repro`",
            )
        if stems.song_id in without_codes:
            continue
        of = codes.get(stems.song_id, {})
        piece = Piece(
            stems=stems,
            start=track.trim_start,
            codes={role: path for role, (path, _) in of.items()},
            frames={role: frames for role, (_, frames) in of.items()},
        )
        songs.setdefault(song, []).append(piece)
    for pieces in songs.values():
        pieces.sort(key=lambda piece: (piece.start, piece.stems.song_id))
    codec, rate = _codec(paths.codes / "codec.json")
    return StageInputs(
        songs=songs,
        tracks=tracks,
        codec=codec,
        rate=rate,
        rejections=rejections,
    )


def _audio_files(songs_dir: Path) -> dict[str, tuple[str, ...]]:
    """Song id to its audio files; in a folder that ``yue convert`` made, those it was made from."""
    rows = songs_dir / "audio.jsonl"
    songs = discover_songs(songs_dir).songs
    if songs or not rows.is_file():
        return {song.song_id: tuple(song.tracks.values()) for song in songs}
    tracks = read_tracks(rows)
    whole = whole_songs(tracks)
    first = {file: song for song, file in sorted(whole.items(), reverse=True)}
    made: dict[str, dict[str, None]] = {}
    for track in tracks:
        # Pieces are numbered from 0, so "take #001" that stands alone is a title.
        song = first[whole[track.song_id]].removesuffix("#000")
        made.setdefault(song, {})[track.source] = None
    return {song: tuple(sources) for song, sources in made.items()}


def read_first_codebooks(rows: Sequence[Row], work: Path) -> dict[str, tuple[Codes, Codes]]:
    """Row id to codebook 0 of its vocal and its instrumental track, each shape (T,).

    Raises:
        SongError: A file is missing or not codes.
    """
    return {row.id: (_first(work / row.vocal), _first(work / row.instrumental)) for row in rows}


def _first(path: Path) -> Codes:
    try:
        array = read_codes(path)
    except (OSError, ValueError) as error:
        raise SongError(
            f"{path}: not codes of shape (codebooks, frames) ({error})",
            fix="run the stage 'tokenize' again",
        ) from error
    return np.array(array[0])


def _codes(path: Path) -> dict[str, dict[str, tuple[str, int]]]:
    """Song id to role to the path and length of its codes."""
    found: dict[str, dict[str, tuple[str, int]]] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            song, role = str(row["song_id"]), str(row["role"])
            found.setdefault(song, {})[role] = (str(row["path"]), int(row["frames"]))
        except (KeyError, TypeError, ValueError) as error:
            raise YueError(
                f"{path}:{number}: not a row of this file ({error})",
                fix="run the stage 'tokenize' again",
            ) from error
    return found


def _codec(path: Path) -> tuple[str, Fraction]:
    """Name and frames a second."""
    card = read_json(path)
    try:
        name, rate = str(card["name"]), Fraction(card["frame_rate"])
        if rate <= 0:
            raise ValueError(rate)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise YueError(
            f'{path}: no name, or no frame rate such as "50/1" ({error})',
            fix="run the stage 'tokenize' again",
        ) from error
    return name, rate
