"""Which files beside the audio describe which song.

For a song ``album/song``: ``album/song.json``, ``song.lrc``, ``song.lyrics.txt`` or ``song.txt``,
``song.genres.txt``. In a folder with exactly one song (at any depth) also ``lyrics.lrc``,
``lyrics.txt``, ``genres.txt`` and ``genre.txt``. Names are compared, never built from ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from yue.audio.metadata import METADATA_NAMES
from yue.audio.names import stem_mark
from yue.audio.walk import visible_files

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


def list_files(songs_dir: Path) -> list[str]:
    """Return the relative POSIX paths of all files that are not hidden, sorted."""
    return sorted(path.as_posix() for path in visible_files(songs_dir))


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
