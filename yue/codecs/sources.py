"""Which tracks there are to encode: a project's, those of `yue convert`, any folder of npy."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yue.audio.rows import INSTRUMENTAL, MIXTURE, VOCAL, Track, read_stems, read_tracks
from yue.errors import CodecError
from yue.wording import quoted


@dataclass(frozen=True)
class TrackFile:
    """One track of a song.

    Attributes:
        role: vocal, instrumental or mixture.
        path: A float32 .npy, (samples,) or (channels, samples).
        digest: Equal digests are equal audio; None: only the file's bytes can tell.
    """

    role: str
    path: Path
    digest: str | None = None


@dataclass(frozen=True)
class SongFiles:
    """One song's tracks.

    Attributes:
        song_id: The song.
        sample_rate: Of every track; None where nothing says it.
        samples: Length to which every track is cut or filled; None: its own.
        tracks: One for each role.
    """

    song_id: str
    sample_rate: int | None
    samples: int | None
    tracks: tuple[TrackFile, ...]


def project_songs(work: Path) -> list[SongFiles]:
    """The songs of a project: pairs of stems, and the mixture where there is one."""
    digests = {row.path: _digest(row) for row in read_tracks(work / "audio" / "audio.jsonl")}
    songs = []
    for song in read_stems(work / "stems" / "stems.jsonl"):
        paths = {VOCAL: song.vocal, INSTRUMENTAL: song.instrumental, MIXTURE: song.mixture}
        tracks = tuple(
            TrackFile(role, work / path, digests.get(path)) for role, path in paths.items() if path
        )
        songs.append(SongFiles(song.song_id, song.sample_rate, song.samples, tracks))
    return songs


def folder_songs(folder: Path) -> list[SongFiles]:
    """The songs of a folder: by its audio.jsonl, else every .npy is a song of one mixture.

    Hidden files are passed over.

    Raises:
        CodecError: There is nothing to encode, or a name is no text.
    """
    if (folder / "audio.jsonl").is_file():
        songs = _converted_songs(read_tracks(folder / "audio.jsonl"), folder)
    else:
        songs = [
            SongFiles(_plain_id(path, folder), None, None, (TrackFile(MIXTURE, path),))
            for path in visible_paths(folder)
            if path.suffix == ".npy"
        ]
    if not songs:
        raise CodecError(
            f"nothing to encode in {folder}",
            why="it has neither an audio.jsonl with rows nor .npy files",
            fix=f"make it from songs: yue convert --input-dir SONGS --output-dir {quoted(folder)}",
        )
    return songs


def visible_paths(folder: Path) -> list[Path]:
    """What lies below a folder, in order, but for what is hidden (``._song.wav`` of a Mac)."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _plain_id(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).with_suffix("").as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise CodecError(f"{shown}: the name is not valid UTF-8", fix="rename the file") from error
    return name


def _converted_songs(rows: Iterable[Track], folder: Path) -> list[SongFiles]:
    songs: dict[str, list[Track]] = defaultdict(list)
    for row in rows:
        if row.role in {other.role for other in songs[row.song_id]}:
            raise CodecError(
                f"song '{row.song_id}' has two rows of its {row.role} in {folder / 'audio.jsonl'}",
                fix="convert the songs again, into a folder of their own",
            )
        songs[row.song_id].append(row)
    return [
        SongFiles(
            song_id,
            found[0].sample_rate,
            max(row.samples for row in found),
            tuple(TrackFile(row.role, folder / Path(row.path).name, _digest(row)) for row in found),
        )
        for song_id, found in sorted(songs.items())
    ]


def _digest(row: Track) -> str:
    """A song's digest is one for all its tracks and pieces."""
    return f"{row.digest}/{row.role}/{row.trim_start}/{row.samples}"
