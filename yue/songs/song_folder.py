"""Everything a songs folder says about its songs: metadata files and sidecars, read once.

Which files beside the audio describe which song.

For a song ``album/song``: ``album/song.json``, ``song.lrc``, ``song.lyrics.txt`` or ``song.txt``,
``song.genres.txt``. In a folder with exactly one song (at any depth) also ``lyrics.lrc``,
``lyrics.txt``, ``genres.txt`` and ``genre.txt``. Names are compared, never built from ids.

Everything a songs folder says about its songs: metadata files and sidecars, read once.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from yue.audio.discover import Discovery
from yue.audio.folder_metadata import METADATA_NAMES, MetadataRow
from yue.audio.track_names import stem_mark
from yue.errors import SongError
from yue.songs.lrc import is_lrc, merge_labels
from yue.songs.lyrics import clean_genres
from yue.songs.song_metadata import Description, describe, misspelt
from yue.songs.song_warnings import Warned
from yue.wording import printable

_MAX_BYTES = 4 << 20  # a larger file is not about one song
# Longest first: "song.lyrics.txt" is not the ".txt" of a song named "song.lyrics".
_SUFFIXES = {
    ".lyrics.txt": "lyrics",
    ".genres.txt": "genres",
    ".genre.txt": "genres",
    ".json": "json",
    ".lrc": "lrc",
    ".txt": "text",
}
_PLAIN = {
    "lyrics.lrc": "lrc",
    "lyrics.txt": "lyrics",
    "genres.txt": "genres",
    "genre.txt": "genres",
}
# What must belong to a song, and is called so; other .txt and .json files may be anything.
NAMES = {"lyrics": "SONG.lyrics.txt", "genres": "SONG.genres.txt", "lrc": "SONG.lrc"}


@dataclass(frozen=True)
class Sidecars:
    """Files that describe songs, relative to the songs folder.

    Attributes:
        of: Song id to kind (``json``, ``lrc``, ``lyrics``, ``text``, ``genres``) to file.
        unclaimed: Lyrics and genres files that belong to no song, each with its kind.
    """

    of: dict[str, dict[str, str]]
    unclaimed: tuple[tuple[str, str], ...]


def find_sidecars(files: Sequence[str], tracks: Mapping[str, Sequence[str]]) -> Sidecars:
    """Assign files to songs.

    Args:
        files: Relative POSIX paths of all files.
        tracks: Song id to the relative paths of its audio files.
    """
    owner = {
        mark.song_id: song
        for song in sorted(tracks)
        for path in tracks[song]
        if (mark := stem_mark(PurePosixPath(path)))
    }
    owner |= {song: song for song in tracks}
    owner |= {_without_suffix(path): song for song in sorted(tracks) for path in tracks[song]}
    alone = _only_songs(tracks)
    of: dict[str, dict[str, str]] = {song: {} for song in tracks}
    plain: dict[str, dict[str, str]] = {song: {} for song in tracks}
    unclaimed: list[tuple[str, str]] = []
    # Deep files first, so that the plain file nearest to the song is the one that counts.
    for file in sorted(files, key=lambda name: (-name.count("/"), name)):
        name = PurePosixPath(file).name.lower()
        if name in METADATA_NAMES:
            continue
        song, kind = _named(file, owner)
        if song is None and name in _PLAIN:
            kind = _PLAIN[name]
            single = alone.get(PurePosixPath(file).parent.as_posix())
            if single is not None:
                plain[single].setdefault(kind, file)
                continue
        if song is not None and kind is not None:
            of[song].setdefault(kind, file)
        elif kind is not None and kind in NAMES:
            unclaimed.append((file, kind))
    return Sidecars({song: plain[song] | of[song] for song in tracks}, tuple(sorted(unclaimed)))


def _named(file: str, owner: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The song whose name a file bears, and its kind; None for what is not known."""
    found = None
    for suffix, kind in _SUFFIXES.items():
        if file.lower().endswith(suffix):
            found = found or kind
            song = owner.get(file[: -len(suffix)])
            if song is not None:
                return song, kind
    return None, found


def _without_suffix(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix()


def _only_songs(tracks: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Folder to its song, for folders with tracks of exactly one song in and below them."""
    songs: dict[str, set[str]] = {}
    for song, paths in tracks.items():
        for path in paths:
            for folder in PurePosixPath(path).parents:
                songs.setdefault(folder.as_posix(), set()).add(song)
    return {folder: next(iter(ids)) for folder, ids in songs.items() if len(ids) == 1}


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


def describe_songs(
    songs_dir: Path, folder: Discovery, tracks: Mapping[str, Sequence[str]]
) -> Described:
    """Describe every song by a metadata row and the files beside its audio.

    Where they disagree, the first of this list is believed: metadata row, ``song.json``,
    ``song.lrc``, ``song.lyrics.txt``, ``song.txt``, ``song.genres.txt``. An LRC takes the labels
    of labelled lyrics beside it.

    Args:
        songs_dir: The songs folder.
        folder: Its files and rows of metadata.
        tracks: Song id to the paths of its audio files, relative to the folder.
    """
    sidecars = find_sidecars(folder.files, tracks)
    rows = _rows_of(folder.metadata, tracks)
    warnings = [
        Warned(f"belongs to no song; rename it to {NAMES[kind]}, beside SONG.mp3", printable(file))
        for file, kind in sidecars.unclaimed
    ]
    warnings += [
        warning
        for row in folder.metadata
        if row.main_file
        for warning in _misspelt(row.values, printable(row.place))
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
    return _misspelt(_object(_read_text(songs_dir / file, place), place), place)


def _describe(
    songs_dir: Path, rows: Sequence[MetadataRow], sidecars: Sidecars, song: str
) -> Description:
    found = Description()
    for row in rows:
        found = found.or_else(describe(row.values, printable(row.place)))
    files = sidecars.of[song]
    texts: dict[str, str] = {}
    for kind in ("json", "lrc", "lyrics", "text", "genres"):
        if kind in files:
            place = printable(files[kind])
            texts[kind] = _read_text(songs_dir / files[kind], place)
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


def _rows_of(
    rows: Sequence[MetadataRow], tracks: Mapping[str, Sequence[str]]
) -> dict[str, list[MetadataRow]]:
    """Return each song's rows of metadata, in order."""
    owner = {path: song for song in sorted(tracks) for path in tracks[song]}
    found: dict[str, list[MetadataRow]] = {}
    for row in rows:
        if (song := owner.get(str(row.main_file))) is not None:
            found.setdefault(song, []).append(row)
    return found


def _read_text(path: Path, place: str) -> str:
    """Read a text file: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Args:
        path: The file.
        place: Its name for messages.

    Raises:
        SongError: It cannot be read, is too large, or has another encoding.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SongError(
                place,
                why=f"larger than {_MAX_BYTES >> 20} MiB",
                fix="rename the file if it is no text about a song",
            )
        data = path.read_bytes()
    except OSError as error:
        raise SongError(
            place, why=f"cannot be read ({error.strerror})", fix="make the file readable"
        ) from error
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SongError(
            place, why=f"not UTF-8 text ({error.reason} at byte {error.start})",
            fix="save the file as UTF-8",
        ) from error  # fmt: skip
