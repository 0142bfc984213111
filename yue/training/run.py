"""A training run from the outside: check, launch, collect."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from yue.dataset.reader import TokenFiles
from yue.dataset.rows import PackedRows
from yue.errors import TrainingError
from yue.files import value_digest, write_json
from yue.lm.base import read_base
from yue.recipe.model import Launch as LaunchSection
from yue.recipe.model import Logging, Lora, Model, Train
from yue.training.devices import choose_device
from yue.training.identity import base_digest, data_digest, fingerprint
from yue.training.job import Job, JobFolder, write_job
from yue.training.launch import Launch, run_workers
from yue.training.learnt import check_anything_learnt
from yue.training.outcome import Outcome
from yue.training.run_record import metrics, run_record


@dataclass(frozen=True)
class RunSetup:
    """What to train, on what, and where.

    Attributes:
        model: The recipe's section.
        lora: The recipe's section.
        train: The recipe's section.
        launch: The recipe's section.
        logging: The recipe's section.
        device: ``runtime.device``: "auto", "cpu" or "cuda".
        base: Folder of the base model.
        tokens: Folder of ``train`` and, maybe, ``valid`` token files.
        checkpoints: Folder that has a folder for each unfinished run.
        scratch: An existing folder for temporary files, on the file system of the results.
    """

    model: Model
    lora: Lora
    train: Train
    launch: LaunchSection
    logging: Logging
    device: str
    base: Path
    tokens: Path
    checkpoints: Path
    scratch: Path


@dataclass(frozen=True)
class Results:
    """What a finished run left, in a temporary folder.

    Attributes:
        adapter: PEFT folder with ``run.json``.
        metrics: ``train.json``.
        curves: Folder of ``.tsv`` files.
        outcome: How it went.
        checkpoints: The run's checkpoints, of no use once the results are in place.
    """

    adapter: Path
    metrics: Path
    curves: Path
    outcome: Outcome
    checkpoints: Path


class TrainingRun:
    """A run; use it as a context manager, which clears its temporary folder.

    Args:
        setup: What to train.
    """

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup
        self._folder: JobFolder | None = None

    def __enter__(self) -> TrainingRun:
        root = tempfile.mkdtemp(prefix=".train.", suffix=".tmp", dir=self._setup.scratch)
        self._folder = JobFolder(Path(root))
        return self

    def __exit__(self, *_: object) -> None:
        assert self._folder is not None
        shutil.rmtree(self._folder.root, ignore_errors=True)

    def train(self) -> Results:
        """Train to the end.

        Raises:
            YueError: Something cannot be used, training failed, or it was interrupted.
        """
        assert self._folder is not None
        setup, folder = self._setup, self._folder
        device, processes = choose_device(setup.device, setup.launch.processes)
        digests = _check(setup, processes)
        identity = fingerprint(
            **digests,
            processes=processes,
            zero_stage=setup.launch.zero_stage,
            device=device,
        )
        job = Job(
            base=str(setup.base.resolve()),
            tokens=str(setup.tokens.resolve()),
            checkpoints=str((setup.checkpoints / identity).resolve()),
            fingerprint=identity,
            device=device,
            zero_stage=setup.launch.zero_stage,
            model=setup.model,
            lora=setup.lora,
            train=setup.train,
            logging=setup.logging,
        )
        write_job(folder, job)
        log = Path(job.checkpoints) / "train.log"
        outcome = run_workers(folder, Launch(processes, device), log=log)
        if not outcome.finished:
            raise TrainingError(
                f"training was stopped at step {outcome.step} of {outcome.steps}; it is saved",
                fix="run the same command again to go on from there",
            )
        write_json(folder.adapter / "run.json", run_record(job, outcome, digests, processes))
        write_json(folder.metrics, metrics(outcome))
        return Results(
            adapter=folder.adapter,
            metrics=folder.metrics,
            curves=folder.live / "plots" / "metrics",
            outcome=outcome,
            checkpoints=Path(job.checkpoints),
        )


def _check(setup: RunSetup, processes: int) -> dict[str, str]:
    """Find what is wrong before anything heavy starts; returns the digests."""
    train = setup.train
    files = TokenFiles.open(setup.tokens / "train")
    card = read_base(setup.base, needed_rows=files.info.vocabulary_rows)
    if train.context_length > card.context:
        raise TrainingError(
            f"train.context_length is {train.context_length}, the base model reads "
            f"{card.context} tokens at most",
            fix=f"use train.context_length: {card.context} or less",
        )
    if train.batch_size % processes:
        raise TrainingError(
            f"train.batch_size is {train.batch_size}, which {processes} processes cannot share",
            why="every process takes equally many rows of a step",
            fix=f"use a multiple of {processes}, or another launch.processes",
        )
    if setup.logging.wandb and importlib.util.find_spec("wandb") is None:
        raise TrainingError(
            "logging.wandb is on, but the package wandb is not installed",
            fix="pip install wandb, or set logging.wandb: false",
        )
    check_anything_learnt(PackedRows(files, train.context_length, seed=train.seed), train)
    splits = {"train": files.info}
    if (setup.tokens / "valid.idx").is_file():
        splits["valid"] = TokenFiles.open(setup.tokens / "valid").info
    sections = {
        "model": asdict(setup.model),
        "lora": asdict(setup.lora),
        "train": asdict(train),
    }
    return {
        "recipe_digest": value_digest(sections),
        "data_digest": data_digest(splits),
        "base_digest": base_digest(setup.base),
    }
