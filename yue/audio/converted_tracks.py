"""What the stages convert and separate leave: arrays, and the rows that describe them.

Arrays are .npy files of float32, or of int16 of which 32768 is full scale; rows are those of
audio.jsonl and stems.jsonl.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from yue.audio.decoders import Samples
from yue.errors import AudioError
from yue.files import map_array, read_jsonl, write_jsonl

_FULL_SCALE = 32768


_Row = TypeVar("_Row")

MIXTURE, VOCAL, INSTRUMENTAL = "mixture", "vocal", "instrumental"

_ALLOWED: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}


@dataclass(frozen=True)
class ConvertedTrack:
    """One converted track.

    Attributes:
        song_id: The song, or the piece of it: ``album/song#000``.
        role: ``mixture``, ``vocal`` or ``instrumental``.
        path: A float32 or int16 .npy, shape (samples,), or (channels, samples) when not mono.
            Relative to the folder that holds audio.jsonl's own folder.
        source: The file it came from, relative to the songs folder.
        sample_rate: Hertz.
        samples: Length.
        seconds: Length.
        gain_db: The gain that was applied; the same for all tracks of a song.
        trim_start: Where the track begins in its source, in seconds.
        peak: Largest absolute sample, after the gain (as are the measures below).
        rms_db: Root mean square in dB of full scale, -120 or more.
        lufs: BS.1770 integrated loudness, None if too short or silent.
        clipped_share: Share of the source file's samples at full scale.
        dc: Mean.
        silence_share: Share of 10 ms frames below -60 dB of full scale.
        digest: What the song was made from and how; equal digests are equal audio.
    """

    song_id: str
    role: str
    path: str
    source: str
    sample_rate: int
    samples: int
    seconds: float
    gain_db: float
    trim_start: float
    peak: float
    rms_db: float
    lufs: float | None
    clipped_share: float
    dc: float
    silence_share: float
    digest: str


@dataclass(frozen=True)
class Stems:
    """One song with its pair of stems.

    Attributes:
        song_id: The song.
        vocal: Path of the vocal track, relative to the work folder.
        instrumental: Path of the instrumental track.
        mixture: Path of the mixture, if there is one.
        sample_rate: Hertz.
        samples: Length of every track.
        seconds: Length of every track.
        kind: ``stems``; ``instrumental`` when nobody sings: there is an instrumental alone (the
            vocal track is digital silence), or the vocal is never loud enough to be singing; or
            ``unseparated``: a mixture alone, taken as an instrumental though somebody may sing.
        singing: Start and end in seconds of every stretch of singing.
        singing_share: Share of the song with singing.
    """

    song_id: str
    vocal: str
    instrumental: str
    mixture: str | None
    sample_rate: int
    samples: int
    seconds: float
    kind: str
    singing: tuple[tuple[float, float], ...]
    singing_share: float


def write_header(out: IO[bytes], samples: int, channels: int, dtype: str, *, mono: bool) -> None:
    """Begin a file; interleaved channels are a Fortran-order (channels, samples) array."""
    shape = (samples,) if mono else (channels, samples)
    descr = np.dtype(dtype).newbyteorder("<").str
    header = {"descr": descr, "fortran_order": not mono, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)


def quantise(block: Samples, dtype: str) -> npt.NDArray[Any]:
    """Return samples as they are stored: rounded and clipped to 16 bits, or as they are."""
    if dtype == "float32":
        return block
    scaled = np.rint(block * np.float32(_FULL_SCALE))
    clipped: npt.NDArray[np.int16] = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
    return clipped


def to_float(stored: npt.NDArray[Any]) -> Samples:
    """Return stored samples as float32 with full scale 1.

    Raises:
        ValueError: They are of another type.
    """
    if stored.dtype == np.int16:
        scaled: Samples = stored * np.float32(1 / _FULL_SCALE)
        return scaled
    if stored.dtype != np.float32:
        raise ValueError(f"samples of type {stored.dtype}")
    return stored


def read_samples(path: Path) -> Samples:
    """Read a track, (samples,) or (channels, samples); float32 is mapped, not read.

    Raises:
        OSError: It is missing or cannot be read.
        ValueError: It is no .npy file of samples.
    """
    return to_float(map_array(path))


def write_tracks(path: Path, tracks: Sequence[ConvertedTrack]) -> None:
    """Write audio.jsonl, sorted by song and role."""
    write_jsonl(path, map(asdict, sorted(tracks, key=lambda track: (track.song_id, track.role))))


def read_tracks(path: Path) -> tuple[ConvertedTrack, ...]:
    """Read audio.jsonl.

    Raises:
        YueError: The file is missing or not JSONL.
        AudioError: A row lacks a field, or has a value that is none of it.
    """
    return tuple(
        _parse_row(ConvertedTrack, path, number, row)
        for number, row in enumerate(read_jsonl(path), 1)
    )


def whole_songs(tracks: Iterable[ConvertedTrack]) -> dict[str, str]:
    """Return a name of the whole song for each song or piece: the first of its source files.

    Every file is of one song, so pieces of one song share that name and no other song has it.
    """
    files: dict[str, str] = {}
    for track in tracks:
        files[track.song_id] = min(track.source, files.get(track.song_id, track.source))
    return files


def write_stems(path: Path, songs: Sequence[Stems]) -> None:
    """Write stems.jsonl, sorted by song."""
    write_jsonl(path, map(asdict, sorted(songs, key=lambda song: song.song_id)))


def read_stems(path: Path) -> tuple[Stems, ...]:
    """Read stems.jsonl; raises as :func:`read_tracks` does."""
    songs = []
    for number, row in enumerate(read_jsonl(path), 1):
        song = _parse_row(Stems, path, number, row)
        spans = tuple((float(start), float(end)) for start, end in song.singing)
        songs.append(Stems(**{**vars(song), "singing": spans}))
    return tuple(songs)


def _parse_row(kind: type[_Row], path: Path, number: int, row: dict[str, Any]) -> _Row:
    try:
        for field in fields(kind):  # type: ignore[arg-type]
            allowed = _ALLOWED.get(str(field.type))
            if allowed and type(row[field.name]) not in allowed:
                raise TypeError(f"{field.name} is {row[field.name]!r}")
        if row.get("role", MIXTURE) not in (MIXTURE, VOCAL, INSTRUMENTAL):  # it names files
            raise ValueError(f"role is {row['role']!r}")
        if min(row["samples"], row["sample_rate"]) < 1:
            raise ValueError(f"{row['samples']} samples at {row['sample_rate']} Hz")
        return kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise AudioError(
            f"{path}:{number}: not a row of this file ({error})",
            fix="run the stage that writes it again: `dvc repro -f convert separate`",
        ) from error
