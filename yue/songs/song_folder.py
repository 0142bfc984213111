"""Everything a songs folder says about its songs: metadata and the files beside the audio.

For a song ``album/song``: ``album/song.json``, ``song.lrc``, ``song.lyrics.txt`` or ``song.txt``,
``song.genres.txt``. In a folder with exactly one song (at any depth) also ``lyrics.lrc``,
``lyrics.txt``, ``genres.txt`` and ``genre.txt``. Names are compared, never built from ids.
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
from yue.audio.track_names import plain_id, stem_mark
from yue.errors import SongError
from yue.rejections import SongWarning
from yue.songs.lrc import is_lrc, merge_labels
from yue.songs.lyrics import clean_genres
from yue.songs.song_metadata import Description, describe, misspelt
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
# Of the one song in a folder.
_FOLDER_NAMES = {
    "lyrics.lrc": "lrc",
    "lyrics.txt": "lyrics",
    "genres.txt": "genres",
    "genre.txt": "genres",
}
# What must belong to a song, and is called so; other .txt and .json files may be anything.
_EXPECTED_NAMES = {"lyrics": "SONG.lyrics.txt", "genres": "SONG.genres.txt", "lrc": "SONG.lrc"}


@dataclass(frozen=True)
class Sidecars:
    """Files that describe songs, relative to the songs folder.

    Attributes:
        of: Song id to kind (``json``, ``lrc``, ``lyrics``, ``text``, ``genres``) to file.
        unclaimed: Lyrics and genres files that belong to no song, each with its kind.
    """

    of: dict[str, dict[str, str]]
    unclaimed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DescribedSongs:
    """What was found.

    Attributes:
        songs: Song id to its description, for every song.
        faults: Song id to what is wrong with its metadata or sidecars.
        warnings: About files that describe no song, and keys that nothing reads.
    """

    songs: dict[str, Description]
    faults: dict[str, SongError]
    warnings: tuple[SongWarning, ...]


def describe_songs(
    songs_dir: Path, folder: Discovery, tracks: Mapping[str, Sequence[str]]
) -> DescribedSongs:
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
    rows = _group_rows(folder.metadata, tracks)
    warnings = [
        SongWarning(
            f"belongs to no song; rename it to {_EXPECTED_NAMES[kind]}, beside SONG.mp3",
            printable(file),
        )
        for file, kind in sidecars.unclaimed
    ]
    warnings += [
        warning
        for row in folder.metadata
        if row.main_file
        for warning in _warn_misspelt(row.values, printable(row.place))
    ]
    songs, faults = {}, {}
    for song in tracks:
        try:
            found = _describe_song(songs_dir, rows.get(song, ()), sidecars.of[song])
            songs[song] = found[0]
            warnings += found[1]
        except SongError as error:
            songs[song], faults[song] = Description(), error
    return DescribedSongs(songs, faults, tuple(warnings))


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
    owner |= {
        plain_id(PurePosixPath(path)): song for song in sorted(tracks) for path in tracks[song]
    }
    alone = _find_lone_songs(tracks)
    of: dict[str, dict[str, str]] = {song: {} for song in tracks}
    plain: dict[str, dict[str, str]] = {song: {} for song in tracks}
    unclaimed: list[tuple[str, str]] = []
    # Deep files first, so that the plain file nearest to the song is the one that counts.
    for file in sorted(files, key=lambda name: (-name.count("/"), name)):
        name = PurePosixPath(file).name.lower()
        if name in METADATA_NAMES:
            continue
        song, kind = _match_song(file, owner)
        if song is None and name in _FOLDER_NAMES:
            kind = _FOLDER_NAMES[name]
            single = alone.get(PurePosixPath(file).parent.as_posix())
            if single is not None:
                plain[single].setdefault(kind, file)
                continue
        if song is not None and kind is not None:
            of[song].setdefault(kind, file)
        elif kind is not None and kind in _EXPECTED_NAMES:
            unclaimed.append((file, kind))
    return Sidecars({song: plain[song] | of[song] for song in tracks}, tuple(sorted(unclaimed)))


def _match_song(file: str, owner: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the song whose name a file bears, and its kind; None for what is not known."""
    found = None
    for suffix, kind in _SUFFIXES.items():
        if file.lower().endswith(suffix):
            found = found or kind
            song = owner.get(file[: -len(suffix)])
            if song is not None:
                return song, kind
    return None, found


def _find_lone_songs(tracks: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the song of each folder with tracks of exactly one song in and below it."""
    songs: dict[str, set[str]] = {}
    for song, paths in tracks.items():
        for path in paths:
            for folder in PurePosixPath(path).parents:
                songs.setdefault(folder.as_posix(), set()).add(song)
    return {folder: next(iter(ids)) for folder, ids in songs.items() if len(ids) == 1}


def _warn_misspelt(values: Mapping[str, Any], place: str) -> list[SongWarning]:
    return [
        SongWarning(f"unknown key {key!r}, not read; did you mean '{near}'?", place)
        for key, near in misspelt(values)
    ]


def _describe_song(
    songs_dir: Path, rows: Sequence[MetadataRow], files: Mapping[str, str]
) -> tuple[Description, list[SongWarning]]:
    """Return what rows and sidecars (by kind) say, and warnings about keys of ``song.json``."""
    found, warnings = Description(), []
    for row in rows:
        found = found.or_else(describe(row.values, printable(row.place)))
    texts: dict[str, str] = {}
    for kind in ("json", "lrc", "lyrics", "text", "genres"):
        if kind not in files:
            continue
        place = printable(files[kind])
        texts[kind] = _read_text(songs_dir / files[kind], place)
        if kind == "json":
            values = _parse_object(texts[kind], place)
            warnings = _warn_misspelt(values, place)
            found = found.or_else(describe(values, place))
        else:
            found = found.or_else(_describe_text(kind, texts[kind], place))
    return _take_labels(found, texts), warnings


def _take_labels(found: Description, texts: Mapping[str, str]) -> Description:
    """Give lyrics that are an LRC the labels of labelled lyrics beside it."""
    for kind in ("lyrics", "text"):
        if found.lyrics is not None and kind in texts:
            merged = merge_labels(found.lyrics, texts[kind])
            if merged is not None:
                return replace(found, lyrics=merged)
    return found


def _describe_text(kind: str, text: str, place: str) -> Description:
    if kind == "genres":
        return Description(genres=", ".join(filter(None, map(clean_genres, text.splitlines()))))
    if kind == "lrc" and text.strip() and not is_lrc(text):
        raise SongError(
            place, why="no line has a time", fix="write [mm:ss.xx] before each line, or name the "
            "file .lyrics.txt",
        )  # fmt: skip
    return Description(lyrics=text if text.strip() else None)


def _parse_object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SongError(place, why=f"not valid JSON: {error}", fix="correct the line") from error
    if not isinstance(value, dict):
        raise SongError(place, why="not a JSON object", fix='write {"file_name": ...}')
    return value


def _group_rows(
    rows: Sequence[MetadataRow], tracks: Mapping[str, Sequence[str]]
) -> dict[str, list[MetadataRow]]:
    """Group rows of metadata by song, in order."""
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
