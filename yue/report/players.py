"""The players of samples, song by song, and the pairs that are judged blindly."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from yue.files import bytes_digest, file_digest
from yue.generation.sample_records import MODELS, TRACKS, Sample
from yue.report.sound_pictures import Sound, load_sound
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
class Player:
    """One track.

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
class SamplePlayers:
    """One sample, track by track.

    Attributes:
        model: "tuned", "base", "original" or "roundtrip".
        tracks: Its players.
        experiments: The experiments that have it, where experiments are compared.
    """

    model: str
    tracks: tuple[Player, ...]
    experiments: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The experiments of a tuned model where they are compared, else the model."""
        names = ", ".join(self.experiments)
        return names if names and self.model == "tuned" else MODEL_NAMES[self.model]


@dataclass(frozen=True)
class SongPlayers:
    """All samples for one prompt."""

    song_id: str
    split: str
    genres: str
    lyrics: str
    by_digest: dict[str, SamplePlayers] = field(default_factory=dict)

    @property
    def samples(self) -> list[SamplePlayers]:
        """The samples in the order in which they are compared."""
        return sorted(self.by_digest.values(), key=lambda one: MODELS.index(one.model))


class Playlist:
    """Songs in the order of the samples that are added; a sample that two runs share is there once.

    Attributes:
        songs: By id.
    """

    def __init__(self) -> None:
        self.songs: dict[str, SongPlayers] = {}
        self._numbers = count(1)

    def add(self, sample: Sample, folder: Path, experiment: str = "") -> None:
        """Add the players of a sample.

        Args:
            sample: The sample.
            folder: Where its files are.
            experiment: The experiment that made it, where experiments are compared.

        Raises:
            YueError: A file is missing or is not audio.
        """
        song = self.songs.setdefault(
            sample.song_id,
            SongPlayers(sample.song_id, sample.split, sample.genres, sample.lyrics),
        )
        files = [folder / name for name in sample.files.values()]
        key = bytes_digest(sample.model, *map(file_digest, files))
        if key not in song.by_digest:
            song.by_digest[key] = SamplePlayers(sample.model, self._load_tracks(sample, folder))
        if experiment:
            song.by_digest[key].experiments.append(experiment)

    def _load_tracks(self, sample: Sample, folder: Path) -> tuple[Player, ...]:
        names = [track for track in SHOWN_TRACKS if track in sample.files]
        with ThreadPoolExecutor(cores()) as pool:
            sounds = list(pool.map(load_sound, [folder / sample.files[track] for track in names]))
        return tuple(
            Player(
                f"sound-{next(self._numbers)}",
                track,
                sound,
                sample.statistics[track].rms_db if track in sample.statistics else None,
            )
            for track, sound in zip(names, sounds, strict=True)
        )


def blind_pairs(songs: Sequence[SongPlayers]) -> list[dict[str, Any]]:
    """Pair base and tuned model on each track of each song, for the blind test's script."""
    pairs = []
    for song in songs:
        by_model = {sample.model: sample for sample in song.samples}
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
