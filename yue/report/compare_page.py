"""The page: a table of experiments, and their samples under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yue.report.experiment_sounds import load_sounds
from yue.report.experiment_tables import metric_columns, param_columns
from yue.report.experiments import cache_folder, project_experiments
from yue.report.page import render_page


@dataclass(frozen=True)
class Comparison:
    """The page and what is in it."""

    page: str
    experiments: int
    missing: dict[str, str]


def compare(root: Path, arguments: Sequence[str] = ()) -> Comparison:
    """Compare the experiments of a project.

    Args:
        root: The project.
        arguments: Which of them, for ``dvc exp show``.

    Raises:
        YueError: DVC cannot tell of them.
    """
    experiments = project_experiments(root, *arguments)
    sounds = load_sounds(experiments, cache_folder(root))
    page = render_page(
        "compare.html",
        ("players.js",),
        title="Experiments",
        project=root.name,
        experiments=experiments,
        params=param_columns(experiments),
        metrics=metric_columns(experiments),
        sounds=sounds,
    )
    return Comparison(page, len(experiments), sounds.missing)
