"""A training run from the outside: check, launch, collect."""

from __future__ import annotations

import contextlib
import importlib.util
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from yue.dataset.datasets import mix_rows, open_datasets
from yue.dataset.reader import TokenFiles
from yue.errors import TrainingError
from yue.files import value_digest, write_json
from yue.lm.base import base_digest, read_base
from yue.lm.quantize import check_quantizer
from yue.recipe.model import Launch as LaunchSection
from yue.recipe.model import Logging, Lora, Mix, Model, Recipe, Train
from yue.temporary import temporary_folder
from yue.tokens.info import CodecIdentity
from yue.training.devices import choose_device
from yue.training.fleet import Fleet, find_fleet
from yue.training.identity import data_digest, fingerprint
from yue.training.job import Job, JobFolder, write_job
from yue.training.launch import run_workers
from yue.training.learnt import check_anything_learnt
from yue.training.missing import missing_package
from yue.training.outcome import Outcome
from yue.training.run_record import metrics, run_record, sampling_note


@dataclass(frozen=True)
class RunSetup:
    """What to train, on what, and where.

    Attributes:
        mix: The recipe's section; its folder is absolute or relative to the current folder.
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
        watch: Folder for what may be watched: samples, TensorBoard, Weights & Biases.
        curves: Folder that gets the curves while training; None keeps them with the results.
        root: What a relative ``launch.hostfile`` is relative to; the project, where there is one.
        recipe: The whole recipe, to make samples with; None where there is no project.
    """

    mix: Mix
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
    watch: Path
    curves: Path | None = None
    root: Path = Path()
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Plan:
    """A run that nothing is known against.

    Attributes:
        job: What the workers do.
        fleet: On which hosts.
        digests: Of the recipe's sections, the data and the base model.
        rows: Packed rows of an epoch.
        codec: Which made the codes that are learned.
        layouts: Of the documents, as far as their files say it.
    """

    job: Job
    fleet: Fleet
    digests: dict[str, str]
    rows: int
    codec: CodecIdentity
    layouts: tuple[str, ...]


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
        self._open = contextlib.ExitStack()

    def __enter__(self) -> TrainingRun:
        root = self._open.enter_context(temporary_folder(self._setup.scratch / "train"))
        self._folder = JobFolder(root)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def train(self) -> Results | None:
        """Train to the end.

        Returns:
            What the run left; None on a host that does not lead and has done its part.

        Raises:
            YueError: Something cannot be used, training failed, or it was interrupted.
        """
        assert self._folder is not None
        setup, folder = self._setup, self._folder
        plan = plan_run(setup, folder)
        job = plan.job
        write_job(folder, job)
        if job.logging.sample_steps is not None and setup.recipe is not None:
            write_json(folder.sampling, sampling_note(setup.recipe, setup.root))
        log = Path(job.checkpoints) / f"train-{plan.fleet.here}.log"
        outcome = run_workers(folder, plan.fleet, device=job.device, log=log)
        if outcome is None:
            return None
        if not outcome.finished:
            raise TrainingError(
                f"training was stopped at step {outcome.step} of {outcome.steps}; it is saved",
                fix="run the same command again to go on from there",
            )
        record = run_record(job, outcome, plan.digests, plan.fleet)
        record |= {"codec": asdict(plan.codec), "layouts": plan.layouts}
        record |= {"recipe_name": setup.recipe.name if setup.recipe else None}
        write_json(folder.adapter / "run.json", record)
        write_json(folder.metrics, metrics(outcome))
        return Results(
            adapter=folder.adapter,
            metrics=folder.metrics,
            curves=Path(job.curves),
            outcome=outcome,
            checkpoints=Path(job.checkpoints),
        )


def plan_run(setup: RunSetup, folder: JobFolder) -> Plan:
    """Find what is wrong before anything heavy starts.

    Args:
        setup: What to train.
        folder: Where the job will be.

    Raises:
        YueError: Something cannot be used.
    """
    device, processes = choose_device(setup.device, setup.launch.processes)
    fleet = find_fleet(setup.launch, processes, setup.root)
    digests, rows, codec, layouts = _check(setup, fleet.processes)
    identity = fingerprint(
        **digests,
        processes=[host.processes for host in fleet.hosts],
        zero_stage=setup.launch.zero_stage,
        offload=setup.launch.offload,
        device=device,
    )
    job = Job(
        base=str(setup.base.resolve()),
        tokens=str(setup.tokens.resolve()),
        checkpoints=str((setup.checkpoints / identity).resolve()),
        curves=str((setup.curves or folder.root / "curves").resolve()),
        watch=str(setup.watch.resolve()),
        fingerprint=identity,
        device=device,
        zero_stage=setup.launch.zero_stage,
        offload=setup.launch.offload,
        mix=replace(setup.mix, folder=str(Path(setup.mix.folder).resolve())),
        model=setup.model,
        lora=setup.lora,
        train=setup.train,
        logging=setup.logging,
    )
    return Plan(job, fleet, digests, rows, codec, layouts)


def _check(
    setup: RunSetup, processes: int
) -> tuple[dict[str, str], int, CodecIdentity, tuple[str, ...]]:
    """Check the data, the model and the packages.

    Returns:
        Digests, rows of an epoch, the codec, and the layouts.
    """
    train = setup.train
    datasets = open_datasets(setup.mix, setup.tokens / "train")
    needed_rows = max(files.info.vocabulary_rows for files in datasets.values())
    card = read_base(setup.base, needed_rows=needed_rows)
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
    _check_packages(setup)
    rows = mix_rows(datasets, setup.mix, train)
    for portion in rows.portions:
        check_anything_learnt(portion.rows, train)
    splits = {f"train {name}": files for name, files in datasets.items()}
    if (setup.tokens / "valid.idx").is_file():
        splits["valid"] = TokenFiles.open(setup.tokens / "valid")
    sections = {
        "mix": {**asdict(setup.mix), "folder": ""},  # what is in it has a digest of its own
        "model": asdict(setup.model),
        "lora": asdict(setup.lora),
        "train": asdict(train),
    }
    digests = {
        "recipe_digest": value_digest(sections),
        "data_digest": data_digest(splits),
        "base_digest": base_digest(setup.base, setup.checkpoints.parent),
    }
    # Files that another program wrote do not say whose weights made their codes.
    codecs = sorted(
        (files.info.codec for files in datasets.values()), key=lambda codec: not codec.digest
    )
    layouts = {files.info.options.layout for files in datasets.values() if files.info.options}
    return digests, rows.epoch_rows, codecs[0], tuple(sorted(layouts))


def _check_packages(setup: RunSetup) -> None:
    logging = setup.logging
    for package, wanted in (("wandb", logging.wandb), ("tensorboard", logging.tensorboard)):
        if wanted and importlib.util.find_spec(package) is None:
            raise missing_package(package)
    if setup.train.loss_kernel == "liger" and importlib.util.find_spec("liger_kernel") is None:
        raise TrainingError(
            "train.loss_kernel is liger, but the package liger-kernel is not installed",
            fix="pip install 'yue[liger]', or set train.loss_kernel: chunked",
        )
    if setup.lora.qlora:
        check_quantizer()
    if logging.sample_steps is not None and setup.recipe is None:
        raise TrainingError(
            "logging.sample_steps needs a project",
            why="samples are sung from its songs, with its codec and tokenizer",
            fix="set it in params.yaml and run `dvc repro train`",
        )
