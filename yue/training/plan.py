"""A training run before it starts: what to train, what it is, and all that can be checked."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yue.checkpoints.identity import Identity, data_digest, identity_of_run, write_identity
from yue.checkpoints.run_state import newest_checkpoint
from yue.checkpoints.stored_runs import (
    StoredRun,
    continue_from,
    describe_others,
    find_run,
    stored_runs,
)
from yue.dataset.dataset_mix import mix_rows
from yue.dataset.open_datasets import open_datasets
from yue.dataset.token_files import TokenFiles
from yue.errors import TrainingError, missing_package
from yue.lm.base_facts import base_digest, check_quantizer, read_base
from yue.paths import index_cache
from yue.recipe.differences import sections_of
from yue.tokens.pair_info import CodecIdentity
from yue.training.hosts import Fleet, choose_device, find_fleet
from yue.training.job import Job
from yue.training.schedule import check_any_trained, step_count

PROGRAMS = ("yue.training.run", "yue.training.worker")
"""Where training begins: what these import is the code of a run's identity."""


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
        return step_count(self.job.recipe.train, self.rows)


def plan_run(job: Job) -> Plan:
    """Find what is wrong before anything heavy starts.

    Raises:
        YueError: Something cannot be used.
    """
    launch = job.recipe.launch
    device, processes = choose_device(job.device, launch.processes)
    fleet = find_fleet(launch, processes, job.project or Path())
    datasets = open_datasets(job.recipe.mix, job.tokens / "train")
    _check_sizes(job, datasets, fleet.processes)
    _check_packages(job)
    rows = mix_rows(datasets, job.recipe.mix, job.recipe.train, index_cache(job.checkpoints))
    for portion in rows.portions:
        check_any_trained(portion.rows, job.recipe.train)
    # Files that another program wrote do not say whose weights made their codes.
    codecs = sorted(
        (files.info.codec for files in datasets.values()), key=lambda codec: not codec.digest
    )
    layouts = {files.info.options.layout for files in datasets.values() if files.info.options}
    identity = _identity(job, datasets)
    return Plan(
        job=job.planned(device=device, fingerprint=identity.fingerprint),
        fleet=fleet,
        identity=identity,
        rows=rows.epoch_rows,
        codec=codecs[0],
        layouts=tuple(sorted(layouts)),
    )


def identity_of(job: Job) -> tuple[Identity, int]:
    """Return what a run is, and its optimizer steps in all.

    Raises:
        YueError: The data or the base model cannot be used.
    """
    mix, train = job.recipe.mix, job.recipe.train
    datasets = open_datasets(mix, job.tokens / "train")
    rows = mix_rows(datasets, mix, train, index_cache(job.checkpoints))
    return _identity(job, datasets), step_count(train, rows.epoch_rows)


def _identity(job: Job, datasets: Mapping[str, TokenFiles]) -> Identity:
    splits = {f"train {name}": files for name, files in datasets.items()}
    if (job.tokens / "valid.idx").is_file():
        splits["valid"] = TokenFiles.open(job.tokens / "valid")
    return identity_of_run(
        sections_of(job.recipe),
        data_digest(splits),
        base_digest(job.base, job.checkpoints.parent),
        PROGRAMS,
    )


def _check_sizes(job: Job, datasets: Mapping[str, TokenFiles], processes: int) -> None:
    """Check the model's vocabulary and context, and that processes can share a step."""
    train = job.recipe.train
    needed_rows = max(files.info.vocabulary_rows for files in datasets.values())
    card = read_base(job.base, needed_rows=needed_rows)
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


def _check_packages(job: Job) -> None:
    logging = job.recipe.logging
    for package, wanted in (("wandb", logging.wandb), ("tensorboard", logging.tensorboard)):
        if wanted and importlib.util.find_spec(package) is None:
            raise missing_package(package)
    if job.recipe.train.loss_kernel == "liger" and not importlib.util.find_spec("liger_kernel"):
        raise TrainingError(
            "train.loss_kernel is liger, but the package liger-kernel is not installed",
            fix="pip install 'yue[liger]', or set train.loss_kernel: chunked",
        )
    if job.recipe.lora.qlora:
        check_quantizer()
    if logging.sample_steps is not None and job.project is None:
        raise TrainingError(
            "logging.sample_steps needs a project",
            why="samples are made from its songs, with its codec and tokenizer",
            fix="set it in params.yaml and run `dvc repro train`",
        )


def adopt(job: Job, name: str) -> StoredRun:
    """Let a run go on from another run's checkpoint when it next starts.

    Args:
        job: What it trains.
        name: The start of the other's id.

    Returns:
        The other run, which stays as it is.

    Raises:
        YueError: There is no such checkpoint, or the run cannot go on from it.
    """
    run = find_run(job.checkpoints, name)
    identity, steps = identity_of(job)
    target = job.checkpoints / identity.fingerprint
    continue_from(run, target, identity, steps)
    if run.folder != target:
        write_identity(target, identity, {"recipe_name": job.recipe_name, "steps": steps})
    return run


def other_runs(plan: Plan) -> list[str]:
    """List what a run that has no checkpoint should know of those of other runs, in lines."""
    job = plan.job
    if newest_checkpoint(job.run_folder) is not None:
        return []
    # A run of flags has no recipe that another command could read.
    command = "yue checkpoints adopt {id}" if job.project else "the same command with --adopt {id}"
    return describe_others(stored_runs(job.checkpoints), plan.identity, plan.steps, command)
