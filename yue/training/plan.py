"""A training run before it starts: what to train, what it is, and all that can be checked."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from yue.checkpoints.identity import Identity, data_digest, identity_of_run, write_identity
from yue.checkpoints.stored_runs import (
    StoredRun,
    continue_from,
    find_run,
    newest_checkpoint,
    others_told,
    stored_runs,
)
from yue.dataset.dataset_mix import mix_rows, open_datasets
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError, missing_package
from yue.lm.base_facts import base_digest, check_quantizer, read_base
from yue.paths import Paths, index_cache
from yue.recipe.differences import training_sections
from yue.recipe.model import Launch as LaunchSection
from yue.recipe.model import Logging, Lora, Mix, Model, Recipe, Train
from yue.tokens.pair_info import CodecIdentity
from yue.training.hosts import Fleet, choose_device, find_fleet
from yue.training.job import Job, JobFolder
from yue.training.schedule import check_anything_learnt, step_count

PROGRAMS = ("yue.training.run", "yue.training.worker")
"""Where training begins: what these import is the code of a run's identity."""


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
        identity: What decides the adapter.
        rows: Packed rows of an epoch.
        codec: Which made the codes that are learned.
        layouts: Of the documents, as far as their files say it.
    """

    job: Job
    fleet: Fleet
    identity: Identity
    rows: int
    codec: CodecIdentity
    layouts: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return step_count(self.job.train, self.rows)


def setup_of(recipe: Recipe, paths: Paths) -> RunSetup:
    """What a project trains."""
    return RunSetup(
        mix=replace(recipe.mix, folder=str(paths.root / recipe.mix.folder)),
        model=recipe.model,
        lora=recipe.lora,
        train=recipe.train,
        launch=recipe.launch,
        logging=recipe.logging,
        device=recipe.runtime.device,
        base=paths.root / recipe.model.path,
        tokens=paths.tokens,
        checkpoints=paths.side_store / "checkpoints",
        scratch=paths.work,
        watch=paths.work / "watch",
        curves=paths.metrics / "plots" / "train",
        root=paths.root,
        recipe=recipe,
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
    identity, rows, codec, layouts = _check(setup, fleet.processes)
    job = Job(
        base=str(setup.base.resolve()),
        tokens=str(setup.tokens.resolve()),
        checkpoints=str((setup.checkpoints / identity.fingerprint).resolve()),
        curves=str((setup.curves or folder.root / "curves").resolve()),
        watch=str(setup.watch.resolve()),
        fingerprint=identity.fingerprint,
        device=device,
        zero_stage=setup.launch.zero_stage,
        offload=setup.launch.offload,
        mix=replace(setup.mix, folder=str(Path(setup.mix.folder).resolve())),
        model=setup.model,
        lora=setup.lora,
        train=setup.train,
        logging=setup.logging,
    )
    return Plan(job, fleet, identity, rows, codec, layouts)


def identity_of(setup: RunSetup) -> tuple[Identity, int]:
    """What a run is, and its optimizer steps in all.

    Raises:
        YueError: The data or the base model cannot be used.
    """
    datasets = open_datasets(setup.mix, setup.tokens / "train")
    rows = mix_rows(datasets, setup.mix, setup.train, index_cache(setup.checkpoints)).epoch_rows
    return _identity(setup, datasets), step_count(setup.train, rows)


def _identity(setup: RunSetup, datasets: Mapping[str, TokenFiles]) -> Identity:
    splits = {f"train {name}": files for name, files in datasets.items()}
    if (setup.tokens / "valid.idx").is_file():
        splits["valid"] = TokenFiles.open(setup.tokens / "valid")
    return identity_of_run(
        training_sections(setup.mix, setup.model, setup.lora, setup.train),
        data_digest(splits),
        base_digest(setup.base, setup.checkpoints.parent),
        PROGRAMS,
    )


def _check(setup: RunSetup, processes: int) -> tuple[Identity, int, CodecIdentity, tuple[str, ...]]:
    """Check the data, the model and the packages.

    Returns:
        The run's identity, rows of an epoch, the codec, and the layouts.
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
    rows = mix_rows(datasets, setup.mix, train, index_cache(setup.checkpoints))
    for portion in rows.portions:
        check_anything_learnt(portion.rows, train)
    # Files that another program wrote do not say whose weights made their codes.
    codecs = sorted(
        (files.info.codec for files in datasets.values()), key=lambda codec: not codec.digest
    )
    layouts = {files.info.options.layout for files in datasets.values() if files.info.options}
    return _identity(setup, datasets), rows.epoch_rows, codecs[0], tuple(sorted(layouts))


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


def adopt(setup: RunSetup, name: str) -> StoredRun:
    """Let a run go on from another run's checkpoint when it next starts.

    Args:
        setup: What it trains.
        name: The start of the other's id.

    Returns:
        The other run, which stays as it is.

    Raises:
        YueError: There is no such checkpoint, or the run cannot go on from it.
    """
    run = find_run(setup.checkpoints, name)
    identity, steps = identity_of(setup)
    target = setup.checkpoints / identity.fingerprint
    continue_from(run, target, identity, steps)
    name_of_recipe = setup.recipe.name if setup.recipe else None
    if run.folder != target:
        write_identity(target, identity, {"recipe_name": name_of_recipe, "steps": steps})
    return run


def other_runs(setup: RunSetup, plan: Plan) -> list[str]:
    """What a run that has no checkpoint should know of those of other runs, in lines."""
    folder = Path(plan.job.checkpoints)
    if newest_checkpoint(folder) is not None:
        return []
    # A run of flags has no recipe that another command could read.
    command = "yue checkpoints adopt {id}" if setup.recipe else "the same command with --adopt {id}"
    return others_told(stored_runs(folder.parent), plan.identity, plan.steps, command)
