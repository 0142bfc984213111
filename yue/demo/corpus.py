"""Scores as sound, the demo's two sets of songs, and the folder of those to fine-tune on.

The folder is one a user could have made: ``NAME.Vocals.wav``, ``NAME.Instrumental.wav``,
``NAME.lyrics.txt``, ``NAME.genres.txt``, and the times of the sections in ``NAME.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from yue.demo.compose import Score, compose
from yue.demo.styles import FINE_TUNING_STYLE, FRAME, PRETRAINING_STYLES, SAMPLE_RATE, Style
from yue.demo.synth import Audio, drum, sing, tone
from yue.files import atomic_folder, write_json, write_text
from yue.songs.lyrics import line_content
from yue.workers import cores

_LOUDNESS = {"vocal": 0.10, "instrumental": 0.09}  # RMS where there is sound
_PEAK = 0.49  # of each track, so that their sum is never clipped
_CONVERTED_PEAK = 0.95
_ROOM_SECONDS = 0.35
_ROOM_LEVEL = 0.12


@dataclass(frozen=True)
class SongTracks:
    """The two tracks of a song, float32, equal shape (samples,), within -0.5..0.5."""

    vocal: Audio
    instrumental: Audio

    def normalised(self) -> SongTracks:
        """Scale both by one gain, so that the louder peaks at 0.95: as the recipe converts them."""
        peak = max(np.abs(self.vocal).max(), np.abs(self.instrumental).max())
        gain = np.float32(_CONVERTED_PEAK / peak)
        return SongTracks(self.vocal * gain, self.instrumental * gain)


def render(score: Score, rng: np.random.Generator) -> SongTracks:
    """Play a score."""
    samples = score.steps * score.step_samples
    vocal = _add_room(sing(score, samples, rng))
    return SongTracks(_level(vocal, "vocal"), _level(_play(score, samples), "instrumental"))


def _play(score: Score, samples: int) -> Audio:
    """Play all instruments together."""
    step = score.step_samples
    out = np.zeros(samples + SAMPLE_RATE, dtype=np.float32)
    for part, notes in score.parts:
        for note in notes:
            sound = tone(part.timbre, note.pitch, note.steps * step / SAMPLE_RATE)
            start = note.start * step
            out[start : start + len(sound)] += note.level * sound
    for hit in score.hits:
        sound = drum(hit.kind)
        out[hit.start * step : hit.start * step + len(sound)] += hit.level * sound
    return out[:samples]


def _add_room(dry: Audio) -> Audio:
    """Add the sound of a small room; the same room every time."""
    time = np.arange(round(_ROOM_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    echo = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-6.9 * time / _ROOM_SECONDS)
    echo *= (time > 0.01) / np.sqrt(np.sum(echo**2))
    size = -(-(len(dry) + len(echo)) // 4096) * 4096  # a product of small primes: a fast transform
    spectrum = np.fft.rfft(dry, size) * np.fft.rfft(echo.astype(np.float32), size)
    wet = np.fft.irfft(spectrum, size)[: len(dry)].astype(np.float32, copy=False)
    sound: Audio = dry + np.float32(_ROOM_LEVEL) * wet
    sound[np.abs(sound) < 1e-5] = 0.0  # what the transform leaves of silence
    return sound


def _level(sound: Audio, track: str) -> Audio:
    loud = np.abs(sound) > 1e-3 * np.abs(sound).max()
    gain = _LOUDNESS[track] / np.sqrt(np.mean(sound[loud] ** 2))
    # The curve of tanh rounds off what would be too loud.
    levelled: Audio = np.float32(_PEAK) * np.tanh(sound * np.float32(gain / _PEAK))
    return levelled


@dataclass(frozen=True)
class SongSet:
    """Songs that belong together.

    Attributes:
        styles: Taken in turn.
        count: How many songs.
        stream: Of random numbers; sets of different streams share no song.
    """

    styles: tuple[Style, ...]
    count: int
    stream: int


PRETRAINING = SongSet(PRETRAINING_STYLES, 48, stream=0)
FINE_TUNING = SongSet((FINE_TUNING_STYLE,), 24, stream=1)

# Songs come in every format that a folder of a user's may hold.
_FORMATS = ("wav", "wav", "flac", "wav", "mp3", "wav", "wav", "wav")


@dataclass(frozen=True)
class DemoSong:
    """A song on paper and as sound."""

    score: Score
    tracks: SongTracks


def compose_songs(songs: SongSet, seed: int) -> Iterator[Score]:
    """Compose the scores of a set."""
    for number in range(songs.count):
        rng = np.random.default_rng([seed, songs.stream, number])
        yield compose(songs.styles[number % len(songs.styles)], rng)


def make_songs(songs: SongSet, seed: int) -> Iterator[DemoSong]:
    """Compose and play a set."""

    def play(number: int, score: Score) -> DemoSong:
        rng = np.random.default_rng([seed, songs.stream, number, 1])
        return DemoSong(score, render(score, rng))

    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(play, range(songs.count), compose_songs(songs, seed))


def line_contents(score: Score) -> list[str]:
    """Return the text of each section as the model sees it."""
    return [line_content(section.label, section.lines) for section in score.sections]


def write_songs(songs: SongSet, folder: Path, seed: int) -> float:
    """Write a set as a folder, and return how many seconds of music it holds."""
    seconds = 0.0
    with atomic_folder(folder) as new:
        for number, song in enumerate(make_songs(songs, seed)):
            name = _title(song.score.style, number)
            _write_song(new / name, song, _FORMATS[number % len(_FORMATS)])
            seconds += len(song.tracks.vocal) / SAMPLE_RATE
    return seconds


def _title(style: Style, number: int) -> str:
    """Join two of the style's words; no two numbers below their product share a title."""
    turn, place = divmod(number, len(style.words.adjectives))
    noun = style.words.nouns[(place + turn) % len(style.words.nouns)]
    return f"{style.words.adjectives[place]}-{noun}"


def _write_song(path: Path, song: DemoSong, suffix: str) -> None:
    for stem, sound in (("Vocals", song.tracks.vocal), ("Instrumental", song.tracks.instrumental)):
        soundfile.write(f"{path}.{stem}.{suffix}", sound, SAMPLE_RATE)
    write_text(Path(f"{path}.lyrics.txt"), "".join(line_contents(song.score)))
    write_text(Path(f"{path}.genres.txt"), f"{song.score.genres}\n")
    times = []
    for section in song.score.sections:
        start, end = (frame * FRAME / SAMPLE_RATE for frame in song.score.frames(section))
        times.append({"start": start, "end": end, "label": section.label})
    write_json(Path(f"{path}.json"), {"sections": times})
