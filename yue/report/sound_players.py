"""What is to be heard: samples side by side, with pictures of wave and spectrum.

Pictures of sound: a mel spectrum over time as PNG, and the waveform as an SVG path.

A WAV file as the page carries it: MP3 in a data URI, with pictures of its wave and spectrum.

What is to be heard: the samples of each song side by side, and pairs to judge blindly.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yue.codecs.melrvq_mel import magnitudes, mel_bank
from yue.evaluation.sound_measures import read_track
from yue.generation.sample_records import MODELS, TRACKS, Sample
from yue.workers import cores

BANDS = 72
_WINDOW = 1024
_COLUMNS = 480
_FLOOR_DB = -75.0
_PEAKS = 240
# Dark blue over violet and orange to a pale yellow: brightness rises with level, so that it also
# reads in grey (control points of a perceptually ordered map).
_COLOURS = np.array(
    [(8, 6, 30), (60, 20, 100), (140, 40, 110), (220, 80, 70), (250, 160, 60), (252, 250, 190)],
    dtype=np.float64,
)


def mel_levels(audio: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Level over time and pitch, shape (bands, columns), lowest band first.

    0 is -75 dB of a full-scale sine or less, 1 is full scale; bands are evenly spaced in mel.
    """
    hop = max(64, -(-len(audio) // _COLUMNS))
    padded = np.pad(audio, (0, -len(audio) % hop))
    bands = magnitudes(padded, max(_WINDOW, hop), hop) @ mel_bank(rate, max(_WINDOW, hop), BANDS)
    decibels = 20 * np.log10(np.maximum(bands.T, 1e-6))
    levels: NDArray[np.float64] = np.clip(decibels / -_FLOOR_DB + 1, 0.0, 1.0)
    return levels


def colours(level: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Levels in [0, 1], lowest band first, as an RGB picture (rows, columns, 3), highest on top."""
    scale = np.linspace(0.0, 1.0, len(_COLOURS))
    channels = [np.interp(level[::-1], scale, _COLOURS[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Encode (rows, columns, 3) uint8 as PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", compress_level=9)
    return stream.getvalue()


def waveform(audio: NDArray[np.float32]) -> str:
    """The path of an SVG of 240 by 40: the highest and the lowest sample of each column."""
    starts = np.linspace(0, audio.size, _PEAKS, endpoint=False).astype(np.int64)
    if not audio.size:
        return "M0 20H240"
    high = np.maximum.reduceat(audio, starts).clip(0, 1)
    low = np.minimum.reduceat(audio, starts).clip(-1, 0)
    columns = np.arange(_PEAKS)
    there = zip(columns, 20 - 19 * high, strict=True)
    back = zip(columns[::-1], 20 - 19 * low[::-1], strict=True)
    return "M" + "L".join(f"{x} {y:.1f}" for x, y in (*there, *back)) + "Z"


@dataclass(frozen=True)
class Sound:
    """What a player plays and shows.

    Attributes:
        audio: Data URI of the audio.
        picture: Data URI of a PNG: time to the right, pitch upwards, level as brightness.
        wave: Path of the waveform in an SVG of 240 by 40.
        seconds: Duration.
    """

    audio: str
    picture: str
    wave: str
    seconds: float


def load_sound(path: Path) -> Sound:
    """Read a WAV file and prepare its player.

    Raises:
        YueError: The file is missing or is not audio.
    """
    import soundfile

    track = read_track(path)
    mono, rate = track.audio, track.rate
    stream = io.BytesIO()
    soundfile.write(stream, mono, rate, format="MP3")
    return Sound(
        audio=_data_uri("audio/mpeg", stream.getvalue()),
        picture=_data_uri("image/png", png(colours(mel_levels(mono, rate)))),
        wave=waveform(mono),
        seconds=len(mono) / rate,
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


MODEL_NAMES = {
    "original": "Recording",
    "roundtrip": "Recording, through the codec",
    "base": "Base model",
    "tuned": "Tuned model",
}
SHORT_NAMES = {"original": "recording", "roundtrip": "codec", "base": "base", "tuned": "tuned"}
SHOWN_TRACKS = ("mix", *(track for track in TRACKS if track != "mix"))


@dataclass(frozen=True)
class Track:
    """One player.

    Attributes:
        id: Unique on the page.
        name: "mix", "vocal" or "instrumental".
        sound: What it plays.
        level: Its level in dB of full scale, or None for silence.
    """

    id: str
    name: str
    sound: Sound
    level: float | None


@dataclass(frozen=True)
class Player:
    """One sample, track by track."""

    title: str
    sample: Sample
    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class Song:
    """All samples for one prompt, in the order in which they are compared."""

    song_id: str
    split: str
    genres: str
    lyrics: str
    players: tuple[Player, ...]


def load_songs(
    samples: Sequence[Sample], folder: Path, progress: Callable[[], None] = lambda: None
) -> list[Song]:
    """The songs, in the order of the samples.

    Args:
        samples: The samples.
        folder: Where their files are.
        progress: Called after each sample.

    Raises:
        YueError: A file is missing or is not audio.
    """
    by_song: dict[str, list[Sample]] = {}
    for sample in samples:
        by_song.setdefault(sample.song_id, []).append(sample)
    numbers = count(1)
    songs = []
    for song_id, group in by_song.items():
        players = []
        for sample in sorted(group, key=lambda s: MODELS.index(s.model)):
            tracks = load_tracks(sample, folder, numbers)
            players.append(Player(MODEL_NAMES[sample.model], sample, tracks))
            progress()
        first = group[0]
        songs.append(Song(song_id, first.split, first.genres, first.lyrics, tuple(players)))
    return songs


def load_tracks(sample: Sample, folder: Path, numbers: count[int]) -> tuple[Track, ...]:
    """The players of a sample; ``numbers`` makes their ids."""
    names = [track for track in SHOWN_TRACKS if track in sample.files]
    with ThreadPoolExecutor(cores()) as pool:
        sounds = list(pool.map(load_sound, [folder / sample.files[track] for track in names]))
    return tuple(
        Track(
            f"sound-{next(numbers)}",
            track,
            sound,
            sample.statistics[track].rms_db if track in sample.statistics else None,
        )
        for track, sound in zip(names, sounds, strict=True)
    )


def blind_pairs(songs: Sequence[Song]) -> list[dict[str, Any]]:
    """Base and tuned model on the same track of the same song, for the blind test's script."""
    pairs = []
    for song in songs:
        by_model = {player.sample.model: player for player in song.players}
        if not {"base", "tuned"} <= set(by_model):
            continue
        for base, tuned in zip(by_model["base"].tracks, by_model["tuned"].tracks, strict=True):
            pairs.append(
                {
                    "song": song.song_id,
                    "track": base.name,
                    "sounds": {
                        model: {"id": track.id, "level": track.level}
                        for model, track in (("base", base), ("tuned", tuned))
                    },
                }
            )
    return pairs
