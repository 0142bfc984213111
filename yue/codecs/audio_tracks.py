"""Tracks of audio: which there are, in a project or any folder, and their samples.

Songs to encode are found by :func:`project_songs` and :func:`folder_songs` and read, one at a time,
by :func:`read_song`. Music to fit a codec to is read at once by :func:`read_audio_folder`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yue.audio.converted_tracks import (
    INSTRUMENTAL,
    MIXTURE,
    VOCAL,
    ConvertedTrack,
    read_samples,
    read_stems,
    read_tracks,
)
from yue.audio.decode import open_audio
from yue.audio.discover import READABLE, visible_files
from yue.audio.resample import make_resampler
from yue.codecs.base import Audio, Codec, check_audio
from yue.errors import CodecError, UsageError
from yue.files import check_replaceable, map_array
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
class SongTracks:
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


def project_songs(work: Path) -> list[SongTracks]:
    """List the songs of a project: pairs of stems, and the mixture where there is one."""
    digests = {row.path: _track_digest(row) for row in read_tracks(work / "audio" / "audio.jsonl")}
    songs = []
    for song in read_stems(work / "stems" / "stems.jsonl"):
        paths = {VOCAL: song.vocal, INSTRUMENTAL: song.instrumental, MIXTURE: song.mixture}
        tracks = tuple(
            TrackFile(role, work / path, digests.get(path)) for role, path in paths.items() if path
        )
        songs.append(SongTracks(song.song_id, song.sample_rate, song.samples, tracks))
    return songs


def folder_songs(folder: Path) -> list[SongTracks]:
    """List the songs of a folder: by its audio.jsonl, else every .npy is a song of one mixture.

    Hidden files are passed over.

    Raises:
        CodecError: There is nothing to encode, or a name is no text.
    """
    if (folder / "audio.jsonl").is_file():
        songs = _converted_songs(read_tracks(folder / "audio.jsonl"), folder)
    else:
        songs = [
            SongTracks(_path_id(path, folder), None, None, (TrackFile(MIXTURE, path),))
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


def check_codes_folder(source: Path, output: Path) -> None:
    """Refuse a folder for codes in whose place something would be lost.

    Args:
        source: The folder of audio, resolved.
        output: The folder of codes, resolved.

    Raises:
        UsageError: It holds the audio or what is not ours, or its codes would be taken for songs.
    """
    if source == output or output in source.parents:
        raise UsageError(
            f"--output-dir {output} holds the audio",
            why="the output folder is replaced as a whole",
            fix="give another folder",
        )
    if source in output.parents and not (source / "audio.jsonl").is_file():
        raise UsageError(
            f"--output-dir {output} is in the folder of audio",
            why="every .npy there is a song, and codes are .npy too",
            fix="give a folder beside it",
        )
    check_replaceable(output, "codec.json")


def visible_paths(folder: Path) -> list[Path]:
    """Return the files below a folder that are not hidden, in order of their parts."""
    return sorted(folder / path for path in visible_files(folder))


def _path_id(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).with_suffix("").as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise CodecError(f"{shown}: the name is not valid UTF-8", fix="rename the file") from error
    return name


def _converted_songs(rows: Iterable[ConvertedTrack], folder: Path) -> list[SongTracks]:
    songs: dict[str, list[ConvertedTrack]] = defaultdict(list)
    for row in rows:
        if row.role in {other.role for other in songs[row.song_id]}:
            raise CodecError(
                f"song '{row.song_id}' has two rows of its {row.role} in {folder / 'audio.jsonl'}",
                fix="convert the songs again, into a folder of their own",
            )
        songs[row.song_id].append(row)
    return [
        SongTracks(
            song_id,
            found[0].sample_rate,
            max(row.samples for row in found),
            tuple(
                TrackFile(row.role, folder / Path(row.path).name, _track_digest(row))
                for row in found
            ),
        )
        for song_id, found in sorted(songs.items())
    ]


def _track_digest(row: ConvertedTrack) -> str:
    """Return a digest of one track; a row's own is that of all its song's tracks and pieces."""
    return f"{row.digest}/{row.role}/{row.trim_start}/{row.samples}"


def read_song(song: SongTracks, codec: Codec) -> list[Audio]:
    """Read a song's tracks, ready to be encoded.

    Raises:
        CodecError: One cannot be read, is at another rate, or is nothing that a codec can encode.
    """
    if song.sample_rate not in (None, codec.sample_rate):
        raise CodecError(
            f"its audio is at {song.sample_rate} Hz, {codec.name} takes {codec.sample_rate}",
            fix=f"convert at that rate: set convert.sample_rate (--sr) to {codec.sample_rate}",
        )
    tracks = [read_array(track.path, song.samples) for track in song.tracks]
    for track in tracks:
        check_audio(track)
    return tracks


def track_seconds(song: SongTracks, sample_rate: int) -> float:
    """Sum the seconds of a song's tracks; 0 if they cannot be read."""
    if song.samples is not None:
        return len(song.tracks) * song.samples / sample_rate
    try:
        lengths = [map_array(track.path).shape[-1] for track in song.tracks]
        return float(sum(lengths) / sample_rate)
    except (OSError, ValueError, IndexError):
        return 0.0


def read_array(path: Path, samples: int | None) -> Audio:
    """Read a float32 .npy as mono, cut or filled with silence to ``samples``.

    Raises:
        CodecError: It is missing, damaged or no audio.
    """
    try:
        audio = read_samples(path)
    except (OSError, ValueError) as error:
        raise CodecError(
            f"{path}: cannot be read ({error})",
            why="a track is float32 or int16, (samples,) or (channels, samples)",
            fix="make it with `yue convert`",
        ) from error
    channels, length = (1, *audio.shape)[-2:] if audio.ndim in (1, 2) else (0, 0)
    if not 1 <= channels <= max(1, length):
        raise CodecError(
            f"{path}: shape {audio.shape}",
            why="a track is (samples,) or (channels, samples)",
            fix="transpose it, or make it with `yue convert`",
        )
    mono = np.asarray(audio if audio.ndim == 1 else audio.mean(axis=0, dtype=np.float64))
    length = len(mono) if samples is None else samples
    return np.pad(mono[:length], (0, max(0, length - len(mono)))).astype(np.float32)


def read_audio_folder(folder: Path, sample_rate: int) -> list[Audio]:
    """Read every audio file and .npy below a folder, as (samples,) float32 mono, in order of path.

    Args:
        folder: Audio files at any rate, or .npy arrays at ``sample_rate``.
        sample_rate: Of the tracks.

    Raises:
        CodecError: There is none.
        AudioError: One cannot be read.
    """
    files = [
        path
        for path in visible_paths(folder)
        if path.is_file() and path.suffix.lower() in {".npy", *READABLE}
    ]
    if not files:
        raise CodecError(
            f"no audio in {folder}",
            why=f"looked for .npy, {', '.join(sorted(READABLE))}",
            fix="give a folder of songs, or one that `yue convert` made",
        )
    return [read_audio_file(path, sample_rate) for path in files]


def read_audio_file(path: Path, sample_rate: int) -> Audio:
    """Read one audio file or .npy as (samples,) float32 mono.

    Raises:
        CodecError: It is an array that is no audio.
        AudioError: It cannot be read.
    """
    if path.suffix.lower() == ".npy":
        array = read_array(path, None)
        if not np.isfinite(array).all():
            raise CodecError(
                f"{path}: it has samples that are not finite numbers",
                fix="convert the song again from its source file, or remove the file",
            )
        return array
    with open_audio(path) as audio:
        resampler = make_resampler("sinc_hann", audio.format.sample_rate, sample_rate, 1)
        blocks = [resampler.push(block.mean(axis=1, keepdims=True)) for block in audio.blocks()]
        blocks.append(resampler.finish())
    return np.concatenate(blocks)[:, 0]
