"""What is to be heard: the samples of each song side by side, and pairs to judge blindly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from yue.generation.records import MODELS, TRACKS, Sample
from yue.report.sound import Sound, load_sound
from yue.workers import cores

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
