"""Stage ``train``: a LoRA adapter, by DeepSpeed."""

from __future__ import annotations

import shutil

from yue.files import atomic_file, atomic_folder
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.training.job import job_of_project
from yue.training.outcome import Outcome
from yue.training.run import TrainingRun
from yue.wording import StageSummary, counted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write ``work/adapter/``, ``metrics/train.json`` and ``metrics/plots/train/``.

    The curves are there while it trains, and so is what may be watched, in ``work/watch/``.
    """
    paths.work.mkdir(parents=True, exist_ok=True)
    with TrainingRun(job_of_project(recipe, paths)) as run:
        results = run.train()
        if results is None:
            return StageSummary(
                made="this host's part of the training",
                rejected="nothing",
                next="the first host has the adapter",
            )
        with atomic_file(paths.metrics / "train.json") as stream:
            stream.write(results.metrics.read_bytes())
        with atomic_folder(paths.adapter) as folder:
            shutil.copytree(results.adapter, folder, dirs_exist_ok=True)
        shutil.rmtree(results.checkpoints, ignore_errors=True)
    return summary(results.outcome, str(paths.adapter.relative_to(paths.root)))


def summary(outcome: Outcome, place: str) -> StageSummary:
    """Return what a finished run says."""
    valid = "" if outcome.valid_loss is None else f", held-out {outcome.valid_loss:.3f}"
    kept = "" if outcome.kept_step == outcome.step else f"; step {outcome.kept_step} was best, kept"
    loss = "-" if outcome.loss is None else f"{outcome.loss:.3f}"
    return StageSummary(
        made=f"the adapter in {place}: {counted(outcome.step, 'step')}, {outcome.tokens_seen:,} "
        f"tokens, loss {loss}{valid}{kept}",
        rejected="nothing",
        next="dvc repro evaluate compares it with the base model; dvc plots show draws the curves",
    )
