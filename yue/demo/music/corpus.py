"""The demo's two sets of songs, and the folder that holds those to fine-tune on.

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

from yue.demo.music.compose import Score, compose
from yue.demo.music.render import Tracks, render
from yue.demo.music.styles import FINE_TUNING_STYLE, FRAME, PRETRAINING_STYLES, SAMPLE_RATE, Style
from yue.files import atomic_folder, write_json, write_text
from yue.songs.lyrics import line_content
from yue.workers import cores


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
class Song:
    """A song on paper and as sound."""

    score: Score
    tracks: Tracks


def compose_songs(songs: SongSet, seed: int) -> Iterator[Score]:
    """The scores of a set."""
    for number in range(songs.count):
        rng = np.random.default_rng([seed, songs.stream, number])
        yield compose(songs.styles[number % len(songs.styles)], rng)


def make_songs(songs: SongSet, seed: int) -> Iterator[Song]:
    """Compose and play a set."""

    def play(number: int, score: Score) -> Song:
        rng = np.random.default_rng([seed, songs.stream, number, 1])
        return Song(score, render(score, rng))

    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(play, range(songs.count), compose_songs(songs, seed))


def line_contents(score: Score) -> list[str]:
    """The text of each section as the model sees it."""
    return [line_content(section.label, section.lines) for section in score.sections]


def write_songs(songs: SongSet, folder: Path, seed: int) -> float:
    """Write a set as a folder; how many seconds of music it holds."""
    seconds = 0.0
    with atomic_folder(folder) as new:
        for number, song in enumerate(make_songs(songs, seed)):
            name = _title(song.score.style, number)
            _write_song(new / name, song, _FORMATS[number % len(_FORMATS)])
            seconds += len(song.tracks.vocal) / SAMPLE_RATE
    return seconds


def _title(style: Style, number: int) -> str:
    """Two of the style's words; no two numbers below their product share a title."""
    turn, place = divmod(number, len(style.words.adjectives))
    noun = style.words.nouns[(place + turn) % len(style.words.nouns)]
    return f"{style.words.adjectives[place]}-{noun}"


def _write_song(path: Path, song: Song, suffix: str) -> None:
    for stem, sound in (("Vocals", song.tracks.vocal), ("Instrumental", song.tracks.instrumental)):
        soundfile.write(f"{path}.{stem}.{suffix}", sound, SAMPLE_RATE)
    write_text(Path(f"{path}.lyrics.txt"), "".join(line_contents(song.score)))
    write_text(Path(f"{path}.genres.txt"), f"{song.score.genres}\n")
    times = []
    for section in song.score.sections:
        start, end = (frame * FRAME / SAMPLE_RATE for frame in song.score.frames(section))
        times.append({"start": start, "end": end, "label": section.label})
    write_json(Path(f"{path}.json"), {"sections": times})
