"""Everything a songs folder says about its songs: metadata files and sidecars, read once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from yue.audio.metadata import FILE_KEYS, METADATA_NAMES, Fault, metadata_rows
from yue.errors import SongError
from yue.songs.lrc import is_lrc
from yue.songs.merge import merge_labels
from yue.songs.metadata import Description, clean_genres, describe, misspelt
from yue.songs.sidecars import NAMES, Sidecars, find_sidecars, list_files
from yue.songs.text import read_text
from yue.songs.warned import Warned
from yue.wording import printable

_MAX_METADATA_BYTES = 4 << 30


@dataclass(frozen=True)
class Described:
    """What was found.

    Attributes:
        songs: Song id to its description, for every song.
        faults: Song id to what is wrong with its metadata or sidecars.
        warnings: About files that describe no song, and keys that nothing reads.
    """

    songs: dict[str, Description]
    faults: dict[str, SongError]
    warnings: tuple[Warned, ...]


@dataclass(frozen=True)
class _Record:
    """One row of a metadata file: its place, and the audio file it is about (relative)."""

    place: str
    file: str
    values: dict[str, Any]


def describe_songs(songs_dir: Path, tracks: Mapping[str, Sequence[str]]) -> Described:
    """Describe every song by a metadata row and the files beside its audio.

    Where they disagree, the first of this list is believed: metadata row, ``song.json``,
    ``song.lrc``, ``song.lyrics.txt``, ``song.txt``, ``song.genres.txt``. An LRC takes the labels
    of labelled lyrics beside it.

    Args:
        songs_dir: The songs folder.
        tracks: Song id to the paths of its audio files, relative to the folder.
    """
    files = list_files(songs_dir)
    sidecars = find_sidecars(files, tracks)
    records = _records(songs_dir, files)
    rows = _rows_of(records, tracks)
    warnings = [
        Warned(f"belongs to no song; rename it to {NAMES[kind]}, beside SONG.mp3", printable(file))
        for file, kind in sidecars.unclaimed
    ]
    warnings += [
        warning for record in records for warning in _misspelt(record.values, record.place)
    ]
    songs, faults = {}, {}
    for song in tracks:
        try:
            songs[song] = _describe(songs_dir, rows.get(song, ()), sidecars, song)
            warnings += _misspelt_beside(songs_dir, sidecars.of[song].get("json"))
        except SongError as error:
            songs[song], faults[song] = Description(), error
    return Described(songs, faults, tuple(warnings))


def _misspelt(values: Mapping[str, Any], place: str) -> list[Warned]:
    return [
        Warned(f"unknown key {key!r}, not read; did you mean '{near}'?", place)
        for key, near in misspelt(values)
    ]


def _misspelt_beside(songs_dir: Path, file: str | None) -> list[Warned]:
    """Of a ``song.json`` that could be read."""
    if file is None:
        return []
    place = printable(file)
    return _misspelt(_object(read_text(songs_dir / file, place), place), place)


def _describe(
    songs_dir: Path, rows: Sequence[_Record], sidecars: Sidecars, song: str
) -> Description:
    found = Description()
    for row in rows:
        found = found.or_else(describe(row.values, row.place))
    files = sidecars.of[song]
    texts: dict[str, str] = {}
    for kind in ("json", "lrc", "lyrics", "text", "genres"):
        if kind in files:
            place = printable(files[kind])
            texts[kind] = read_text(songs_dir / files[kind], place)
            found = found.or_else(_sidecar(kind, texts[kind], place))
    return _with_labels(found, texts)


def _with_labels(found: Description, texts: Mapping[str, str]) -> Description:
    """Lyrics that are an LRC take the labels of labelled lyrics beside it."""
    for kind in ("lyrics", "text"):
        if found.lyrics is not None and kind in texts:
            merged = merge_labels(found.lyrics, texts[kind])
            if merged is not None:
                return replace(found, lyrics=merged)
    return found


def _sidecar(kind: str, text: str, place: str) -> Description:
    if kind == "json":
        return describe(_object(text, place), place)
    if kind == "genres":
        return Description(genres=", ".join(filter(None, map(clean_genres, text.splitlines()))))
    if kind == "lrc" and text.strip() and not is_lrc(text):
        raise SongError(
            place, why="no line has a time", fix="write [mm:ss.xx] before each line, or name the "
            "file .lyrics.txt",
        )  # fmt: skip
    return Description(lyrics=text if text.strip() else None)


def _object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SongError(place, why=f"not valid JSON: {error}", fix="correct the line") from error
    if not isinstance(value, dict):
        raise SongError(place, why="not a JSON object", fix='write {"file_name": ...}')
    return value


def _records(songs_dir: Path, files: Sequence[str]) -> list[_Record]:
    """Rows of all metadata files in order; what is no row the stage ``convert`` has reported."""
    records = []
    for file in files:
        path = PurePosixPath(file)
        if path.name not in METADATA_NAMES:
            continue
        place = printable(file)
        try:
            text = read_text(songs_dir / file, place, _MAX_METADATA_BYTES)
        except SongError:
            continue
        for number, values in metadata_rows(text, path.suffix):
            if isinstance(values, Fault):
                continue
            names = [name for key in FILE_KEYS if isinstance(name := values.get(key), str) and name]
            if names:
                about = normpath((path.parent / names[0]).as_posix())
                records.append(_Record(f"{place}:{number}", about, values))
    return records


def _rows_of(
    records: Sequence[_Record], tracks: Mapping[str, Sequence[str]]
) -> dict[str, list[_Record]]:
    """Song id to its rows."""
    owner = {path: song for song in sorted(tracks) for path in tracks[song]}
    rows: dict[str, list[_Record]] = {}
    for record in records:
        if (song := owner.get(record.file)) is not None:
            rows.setdefault(song, []).append(record)
    return rows
