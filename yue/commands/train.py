"""``yue train``: the stage of the project, or a run of one's own on token files."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from yue.commands import Verb
from yue.commands.fork import add_fork_flags
from yue.commands.stage import given_flags, need_flags, print_summary, project_paths, run_stage
from yue.files import atomic_folder, check_replaceable
from yue.paths import side_store_beside, token_folder
from yue.recipe.flags import add_flags, naming_flags, recipe_from_flags
from yue.recipe.model import Recipe
from yue.recipe.read import read_recipe
from yue.wording import quoted

if TYPE_CHECKING:
    from yue.training.job import Job
    from yue.training.outcome import Outcome

EXAMPLE = (
    "yue train --model models/YuE-s1-7B --data-dir tokens --output-dir adapter "
    "--epochs 3 --batch-size 4 --lora-r 8 --lora-alpha 16"
)
_SECTIONS = ("mix", "model", "lora", "train", "launch", "logging")


def _add_arguments(parser: argparse.ArgumentParser) -> None:

    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="folder with train.bin, .idx and .json, or a project's; songs of --mix-datasets",
    )
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="folder for the adapter, made or replaced"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), help="where to train (default: auto)"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=None,
        help="check everything, say what would be trained and how it would be started, and stop",
    )
    parser.add_argument(
        "--adopt",
        metavar="ID",
        help="go on from another run's checkpoint, which `yue checkpoints` lists",
    )
    own = {
        "model.path": "none, needed with --data-dir",
        "model.dtype": "float32 on a CPU, bfloat16 on a GPU",
    }
    add_flags(parser, *_SECTIONS, own=own)
    add_fork_flags(parser)


def run(args: argparse.Namespace) -> None:
    """Train: the project's stage where no flag is given, else on ``--data-dir``."""
    if not given_flags(args, "dry_run", "adopt"):
        if args.dry_run:
            _dry_run(_job_of_project())
            return
        if args.adopt:
            _adopt(_job_of_project(), args.adopt)
        run_stage("train")
        return
    needed = ("model", "data_dir", "output_dir")
    need_flags(args, needed, EXAMPLE)
    from yue.stages.train import summary

    recipe = recipe_from_flags(args, *_SECTIONS)
    with naming_flags(args):
        job = job_of_flags(args, recipe)
        if args.dry_run:
            _dry_run(job)
            return
        if args.adopt:
            _adopt(job, args.adopt)
        outcome = _train(job, args.output_dir)
    if outcome is None:
        print("train: this host's part is done; the first host has the adapter")
        return
    done = summary(outcome, str(args.output_dir))
    hint = f"yue generate --adapter {quoted(args.output_dir)} makes songs with it"
    print_summary("train", dataclasses.replace(done, next=hint))


def job_of_flags(args: argparse.Namespace, recipe: Recipe) -> Job:
    """Return the job of flags; where they give no type of weights, the device decides it.

    Raises:
        TrainingError: The device is not there.
    """
    from yue.training.hosts import choose_device
    from yue.training.job import Job

    output, wanted = args.output_dir, args.device or "auto"
    device, _ = choose_device(wanted, recipe.launch.processes)
    dtype = args.dtype or ("bfloat16" if device == "cuda" else "float32")
    beside = output.absolute().parent
    model = dataclasses.replace(recipe.model, dtype=dtype)
    runtime = dataclasses.replace(recipe.runtime, device=wanted)
    return Job(
        recipe=dataclasses.replace(recipe, model=model, runtime=runtime),
        base=Path(recipe.model.path),
        tokens=token_folder(args.data_dir),
        checkpoints=side_store_beside(output) / "checkpoints",
        scratch=beside,
        watch=beside / f"{output.name}-watch",
    )


def _train(job: Job, output: Path) -> Outcome | None:
    """Train into one folder: the adapter, ``train.json`` and ``curves/``."""
    from yue.training.run import TrainingRun

    check_replaceable(output, "run.json")
    output.absolute().parent.mkdir(parents=True, exist_ok=True)
    with TrainingRun(job) as training:
        results = training.train()
        if results is None:
            return None
        with atomic_folder(output) as folder:
            shutil.copytree(results.adapter, folder, dirs_exist_ok=True)
            shutil.copytree(results.curves, folder / "curves")
            shutil.copy(results.metrics, folder / "train.json")
        shutil.rmtree(results.checkpoints, ignore_errors=True)
    return results.outcome


def _adopt(job: Job, name: str) -> None:
    from yue.training.plan import adopt

    run = adopt(job, name)
    print(f"train: goes on from checkpoint {run.id}, step {run.step}", flush=True)


def _job_of_project() -> Job:
    from yue.training.job import job_of_project

    paths = project_paths()
    return job_of_project(read_recipe(paths.params), paths)


def _dry_run(job: Job) -> None:
    from yue.training.run import dry_run

    print("\n".join(dry_run(job)))


VERBS = {"train": Verb(EXAMPLE, _add_arguments, run)}
