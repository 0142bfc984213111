"""A folder of music as songs: its files, and which of them are tracks of one song."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from yue.audio import decoders
from yue.audio.converted_tracks import MIXTURE, VOCAL
from yue.audio.folder_metadata import (
    METADATA_NAMES,
    MetadataRow,
    MetadataSong,
    find_tracks,
    read_metadata,
)
from yue.audio.track_names import is_part, plain_id, stem_mark
from yue.errors import AudioError, YueError
from yue.rejections import Rejected

READABLE = frozenset({
    ".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc",
    ".w64", ".rf64", ".caf", ".au", *decoders.SUFFIXES,
})  # fmt: skip
ROWS_MADE = "songs.jsonl"
"""Rows made elsewhere (see ``yue/songs/ready_rows.py``): a folder of them needs no audio."""

_OTHER_MEDIA = frozenset({".m4p", ".mid", ".midi", ".wmp", ".ra", ".rm", ".dsf", ".dff", ".aa"})


@dataclass(frozen=True)
class SongFiles:
    """The files of one song.

    Attributes:
        song_id: Unique in the folder.
        tracks: Role (``mixture``, ``vocal``, ``instrumental``) to path, relative to the folder.
    """

    song_id: str
    tracks: Mapping[str, str]


@dataclass(frozen=True)
class Discovery:
    """What a folder holds.

    Attributes:
        songs: Sorted by id.
        rejected: Files that are music but of no song, and rows of metadata that cannot be used.
        files: All files that are not hidden, relative to the folder.
        metadata: The rows of its metadata files that could be read, of whatever files they are.
    """

    songs: tuple[SongFiles, ...]
    rejected: tuple[Rejected, ...]
    files: tuple[str, ...]
    metadata: tuple[MetadataRow, ...]


def discover_songs(songs_dir: Path) -> Discovery:
    """Find the songs of a folder and its sub-folders.

    Metadata files say it first, then the names of files and folders; a file that neither calls a
    stem is a song's mixture. Hidden files and files that are not music are passed over.

    Raises:
        AudioError: The folder is missing or cannot be read.
    """
    files, rejected = _list_files(songs_dir)
    audio, unusable = _find_audio(songs_dir, files)
    rejected += unusable
    rows: list[MetadataRow] = []
    described: list[MetadataSong] = []
    for file in sorted(file for file in files if file.name in METADATA_NAMES):
        for row in read_metadata(songs_dir, file):
            song = row if isinstance(row, Rejected) else find_tracks(row, audio)
            if isinstance(row, MetadataRow):
                rows.append(row)
            if isinstance(song, MetadataSong):
                described.append(song)
            else:
                rejected.append(song)
    claimed = {name for song in described for name in song.tracks.values()}
    named, collisions = _group_by_name(sorted(audio - claimed))
    songs, refused = _join(described, named)
    rejected += [*collisions, *refused]
    return Discovery(
        songs=tuple(songs[song_id] for song_id in sorted(songs)),
        rejected=tuple(sorted(rejected, key=lambda entry: (entry.what, entry.reason))),
        files=tuple(sorted(file.as_posix() for file in files)),
        metadata=tuple(rows),
    )


def visible_files(
    folder: Path, unreadable: Callable[[OSError], None] | None = None
) -> Iterator[PurePosixPath]:
    """Yield the files below a folder, relative to it, in one order on every machine.

    Hidden files and folders (``._song.wav`` of a Mac) are passed over. Links are followed, and no
    folder is entered twice, so loops end.

    Args:
        folder: The folder.
        unreadable: Called with the error of each folder that cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    for parent, children, files in os.walk(folder, followlinks=True, onerror=unreadable):
        state = Path(parent).stat()
        if (state.st_dev, state.st_ino) in seen:
            children.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        children[:] = sorted(child for child in children if not child.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield PurePosixPath(Path(parent, name).relative_to(folder).as_posix())


def rows_made(songs_dir: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of the folder's ``songs.jsonl`` that are not blank, with their numbers.

    Raises:
        YueError: The file is there and cannot be read.
    """
    path = songs_dir / ROWS_MADE
    if not path.is_file():
        return
    try:
        with path.open("rb") as stream:
            yield from ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    except OSError as error:
        raise YueError(
            f"{path}: cannot be read ({error.strerror})",
            fix="make it a readable file, or remove it",
        ) from error


def _list_files(songs_dir: Path) -> tuple[list[PurePosixPath], list[Rejected]]:
    """Return all visible files, and the folders that cannot be read."""
    if not songs_dir.is_dir():
        raise AudioError(
            f"{songs_dir}: no such folder of songs",
            fix="make it and put audio files there, or correct data.songs_dir",
        )
    rejected: list[Rejected] = []

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(songs_dir).as_posix()
        rejected.append(
            Rejected(name, f"the folder cannot be read ({error.strerror})", "check its rights")
        )

    return list(visible_files(songs_dir, unreadable)), rejected


def _find_audio(songs_dir: Path, files: Iterable[PurePosixPath]) -> tuple[set[str], list[Rejected]]:
    """Return the audio files, and the media that cannot be used."""
    audio: set[str] = set()
    rejected = []
    for path in files:
        if path.suffix.lower() in READABLE | _OTHER_MEDIA:
            problem = _media_problem(songs_dir, path)
            if problem is None:
                audio.add(path.as_posix())
            else:
                rejected.append(problem)
    return audio, rejected


def _media_problem(songs_dir: Path, path: PurePosixPath) -> Rejected | None:
    """Return why a media file cannot be listed, if so."""
    try:
        path.as_posix().encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
        return Rejected(shown, "the name is not valid UTF-8", "rename the file")
    # Named by its song: a score.mid beside score.mp3 loses no song.
    name, song_id = path.as_posix(), _main_id(path.as_posix())
    if path.suffix.lower() in _OTHER_MEDIA:
        reason = f"{path.suffix.lower()} files cannot be read"
        return Rejected(name, reason, "export it as flac, wav or mp3", song_id)
    if not _is_regular(songs_dir / path):
        reason = "it is a broken link, or not a regular file"
        return Rejected(name, reason, "remove it, or put the file there", song_id)
    return None


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # broken or looping link, or a folder without the right to enter
        return False


def _group_by_name(names: Iterable[str]) -> tuple[dict[str, SongFiles], list[Rejected]]:
    """Return songs by id, and the files whose place in a song is taken."""
    songs: dict[str, dict[str, str]] = defaultdict(dict)
    rejected = []
    for song_id, role, name in _assign_roles([PurePosixPath(name) for name in names]):
        if role is None:
            reason = "it is one part of the accompaniment of a separated song"
            fix = "mix bass, drums and the others into one file: instrumental.wav"
            rejected.append(Rejected(name, reason, fix, song_id))
        elif role in songs[song_id]:
            reason = f"{songs[song_id][role]} is the {role} of song '{song_id}' already"
            fix = "remove or rename one of the two, or say in metadata.jsonl which is which"
            rejected.append(Rejected(name, reason, fix, song_id))
        else:
            songs[song_id][role] = name
    return {i: SongFiles(i, tracks) for i, tracks in songs.items() if tracks}, rejected


def _assign_roles(paths: list[PurePosixPath]) -> Iterator[tuple[str, str | None, str]]:
    """Yield song, role and name of every file; no role for a part of the accompaniment."""
    marks = {path: stem_mark(path) for path in paths}
    roles: dict[str, set[str]] = defaultdict(set)
    for path, mark in marks.items():
        if mark is None:
            roles[plain_id(path)].add(MIXTURE)
        else:
            roles[mark.song_id].add(mark.role)
    # What is sure first, so that it has its place when a doubtful name wants the same.
    for path, mark in sorted(marks.items(), key=lambda item: bool(item[1] and not item[1].sure)):
        if mark is not None and (mark.sure or roles[mark.song_id] - {mark.role}):
            yield mark.song_id, mark.role, path.as_posix()
        elif is_part(path) and VOCAL in roles[path.parent.as_posix()]:
            yield path.parent.as_posix(), None, path.as_posix()
        else:
            yield plain_id(path), MIXTURE, path.as_posix()


def _join(
    described: list[MetadataSong], named: dict[str, SongFiles]
) -> tuple[dict[str, SongFiles], list[Rejected]]:
    """Return songs by id: those that metadata describes, then those that only names describe."""
    songs: dict[str, SongFiles] = {}
    rejected = []
    by_file = {name: song for song in named.values() for name in song.tracks.values()}
    used: set[str] = set()
    for row in described:
        song = SongFiles("", row.tracks) if row.tracks else by_file.get(row.main)
        if song is None or used & set(song.tracks.values()):
            reason = f"{row.main} belongs to another row already"
            rejected.append(Rejected(row.place, reason, "name every file once", row.song_id))
            continue
        used |= set(song.tracks.values())
        song_id = row.song_id or song.song_id or _main_id(row.main)
        if song_id in songs:
            reason = f"another row has the id '{song_id}'"
            rejected.append(Rejected(row.place, reason, "give every song its own id", song_id))
            continue
        songs[song_id] = replace(song, song_id=song_id)
    for song in named.values():
        if used & set(song.tracks.values()):
            continue
        if song.song_id in songs:
            reason = f"a row of metadata has the id '{song.song_id}' for other files"
            name = next(iter(song.tracks.values()))
            rejected.append(Rejected(name, reason, "rename the file or the id", song.song_id))
        else:
            songs[song.song_id] = song
    return songs, rejected


def _main_id(name: str) -> str:
    mark = stem_mark(PurePosixPath(name))
    return mark.song_id if mark is not None and mark.sure else plain_id(PurePosixPath(name))
