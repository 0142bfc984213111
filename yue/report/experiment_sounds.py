"""The players of all experiments, from folders of other commits in DVC's cache.

Folders of other commits, taken from DVC's cache without checking them out.

The players of all experiments, song by song; what several have in common is there once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from yue.errors import YueError
from yue.files import bytes_digest, file_digest
from yue.generation.sample_records import MODELS, Sample, read_samples
from yue.report.experiments import Experiment
from yue.report.sound_players import MODEL_NAMES, Track, load_tracks


def link_folder(cache: Path, digest: str, folder: Path) -> None:
    """Fill ``folder`` with links to the files of a cached flat folder.

    Args:
        cache: The cache's root, which has ``files/md5`` in it.
        digest: DVC's hash of the folder, which ends in ``.dir``.
        folder: An existing, empty folder.

    Raises:
        YueError: Something of it is not on this machine.
    """
    try:
        listed = json.loads(_path(cache, digest).read_text(encoding="utf-8"))
        files = {str(entry["relpath"]): _path(cache, str(entry["md5"])) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _missing(digest) from error
    for name, path in files.items():
        if Path(name).name != name:  # the stage writes no folder in it
            continue
        if not path.is_file():
            raise _missing(digest)
        (folder / name).symlink_to(path.absolute())


def _path(cache: Path, digest: str) -> Path:
    if not digest.removesuffix(".dir").isalnum():
        raise ValueError(digest)
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def _missing(digest: str) -> YueError:
    return YueError(
        f"samples {digest[:8]} are not on this machine",
        fix="get them with `dvc exp pull`, or `dvc pull` for a commit, or run the experiment",
    )


@dataclass
class Take:
    """A sample, and the experiments that have it.

    Attributes:
        model: "tuned", "base", "original" or "roundtrip".
        tracks: Its players.
        experiments: Names.
    """

    model: str
    tracks: tuple[Track, ...]
    experiments: list[str]

    @property
    def title(self) -> str:
        """The experiment of a tuned model, else the model."""
        names = ", ".join(self.experiments)
        return names if self.model == "tuned" else MODEL_NAMES[self.model]


@dataclass
class ComparedSong:
    """A prompt, and all takes of it in the order of the models."""

    song_id: str
    genres: str
    lyrics: str
    takes: dict[str, Take] = field(default_factory=dict)

    @property
    def ordered(self) -> list[Take]:
        """The takes as they are shown."""
        return sorted(self.takes.values(), key=lambda take: MODELS.index(take.model))


@dataclass(frozen=True)
class Sounds:
    """What is to be heard, and why an experiment cannot be.

    Attributes:
        songs: The songs.
        missing: Experiment to reason.
    """

    songs: list[ComparedSong]
    missing: dict[str, str]


def load_sounds(experiments: Sequence[Experiment], cache: Path) -> Sounds:
    """The samples of all experiments that the cache has."""
    songs: dict[str, ComparedSong] = {}
    missing: dict[str, str] = {}
    numbers = count(1)
    for experiment in experiments:
        if experiment.samples is None:
            missing[experiment.name] = experiment.state or "it has no samples"
            continue
        with TemporaryDirectory() as name:
            folder = Path(name)
            try:
                link_folder(cache, experiment.samples, folder)
                for sample in read_samples(folder):
                    song = songs.setdefault(
                        sample.song_id, ComparedSong(sample.song_id, sample.genres, sample.lyrics)
                    )
                    _add(song, sample, folder, experiment.name, numbers)
            except YueError as error:
                missing[experiment.name] = " ".join(str(error).split())
    return Sounds(list(songs.values()), missing)


def _add(
    song: ComparedSong, sample: Sample, folder: Path, experiment: str, numbers: count[int]
) -> None:
    key = bytes_digest(
        sample.model, *(file_digest(folder / name) for name in sample.files.values())
    )
    take = song.takes.get(key)
    if take is None:
        tracks = load_tracks(sample, folder, numbers)
        song.takes[key] = Take(sample.model, tracks, [experiment])
    else:
        take.experiments.append(experiment)
