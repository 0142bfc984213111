"""The page over experiments: a table, and the samples of each from DVC's cache under it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from yue.errors import YueError
from yue.generation.sample_records import read_samples
from yue.report.experiment_tables import metric_columns, param_columns
from yue.report.experiments import Experiment, cache_folder, project_experiments
from yue.report.page import render_page
from yue.report.players import Playlist


@dataclass(frozen=True)
class Comparison:
    """The page and what is in it.

    Attributes:
        page: HTML.
        experiments: How many.
        missing: Why an experiment cannot be heard, by name.
    """

    page: str
    experiments: int
    missing: dict[str, str]


def compare(root: Path, arguments: Sequence[str] = ()) -> Comparison:
    """Compare the experiments of a project.

    Args:
        root: The project.
        arguments: Which of them, for ``dvc exp show``.

    Raises:
        YueError: DVC cannot list them.
    """
    experiments = project_experiments(root, *arguments)
    playlist, missing = _load_samples(experiments, cache_folder(root))
    page = render_page(
        "compare.html",
        ("players.js",),
        title="Experiments",
        project=root.name,
        experiments=experiments,
        params=param_columns(experiments),
        metrics=metric_columns(experiments),
        songs=list(playlist.songs.values()),
        missing=missing,
    )
    return Comparison(page, len(experiments), missing)


def _load_samples(
    experiments: Sequence[Experiment], cache: Path
) -> tuple[Playlist, dict[str, str]]:
    """Load the samples that the cache has, and say why others are missing, by experiment."""
    playlist = Playlist()
    missing: dict[str, str] = {}
    for experiment in experiments:
        if experiment.samples is None:
            missing[experiment.name] = experiment.state or "it has no samples"
            continue
        with TemporaryDirectory() as name:
            folder = Path(name)
            try:
                link_folder(cache, experiment.samples, folder)
                for sample in read_samples(folder):
                    playlist.add(sample, folder, experiment.name)
            except YueError as error:
                missing[experiment.name] = " ".join(str(error).split())
    return playlist, missing


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
        listed = json.loads(_cached_path(cache, digest).read_text(encoding="utf-8"))
        files = {str(entry["relpath"]): _cached_path(cache, str(entry["md5"])) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _absent_error(digest) from error
    for name, path in files.items():
        if Path(name).name != name:  # the stage writes no folder in it
            continue
        if not path.is_file():
            raise _absent_error(digest)
        (folder / name).symlink_to(path.absolute())


def _cached_path(cache: Path, digest: str) -> Path:
    if not digest.removesuffix(".dir").isalnum():
        raise ValueError(digest)
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def _absent_error(digest: str) -> YueError:
    return YueError(
        f"samples {digest[:8]} are not on this machine",
        fix="get them with `dvc exp pull`, or `dvc pull` for a commit, or run the experiment",
    )
