"""What a training process is to do, as one file that the workers read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yue.errors import TrainingError
from yue.files import read_json, write_json
from yue.recipe.model import Logging, Lora, Mix, Model, Train

_NAME = "job.json"


@dataclass(frozen=True)
class Job:
    """Everything that the workers need to know.

    Attributes:
        base: Folder of the base model, absolute.
        tokens: Folder of ``train`` and, maybe, ``valid`` token files, absolute.
        checkpoints: Folder of this run's checkpoints, absolute.
        curves: Folder for the curves, absolute; written while training.
        watch: Folder for what else may be watched: samples, TensorBoard, W&B; absolute.
        fingerprint: Digest of everything that decides the adapter.
        device: "cpu" or "cuda".
        zero_stage: DeepSpeed ZeRO, 0 to 3.
        offload: What is kept in main memory: "none", "optimizer" or "all".
        mix: The recipe's section; its folder is absolute.
        model: The recipe's section.
        lora: The recipe's section.
        train: The recipe's section.
        logging: The recipe's section.
    """

    base: str
    tokens: str
    checkpoints: str
    curves: str
    watch: str
    fingerprint: str
    device: str
    zero_stage: int
    offload: str
    mix: Mix
    model: Model
    lora: Lora
    train: Train
    logging: Logging


@dataclass(frozen=True)
class JobFolder:
    """Where the stage and its workers meet.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def adapter(self) -> Path:
        """The finished adapter."""
        return self.root / "adapter"

    @property
    def live(self) -> Path:
        """DVCLive's own folder."""
        return self.root / "live"

    @property
    def sampling(self) -> Path:
        """What samples while training are made with."""
        return self.root / "sampling.json"

    @property
    def stop(self) -> Path:
        """There when the stage wants the workers to save and leave, on whatever host they are."""
        return self.root / "stop"

    @property
    def metrics(self) -> Path:
        """``train.json``."""
        return self.root / "train.json"

    @property
    def outcome(self) -> Path:
        """Written last, by the first process: how the run ended."""
        return self.root / "outcome.json"

    def error(self, rank: int, *, known: bool) -> Path:
        """A process's error in the words for the user, known or from within a library."""
        return self.root / f"{'error' if known else 'fault'}-{rank:05d}.json"

    def errors(self) -> list[Path]:
        """The errors that there are: the known ones, then the earliest first.

        One process's error often makes the others fail, in words that do not tell why.
        """
        found = [*self.root.glob("error-*.json"), *self.root.glob("fault-*.json")]
        return sorted(found, key=lambda path: (path.name[:5], path.stat().st_mtime_ns))


def write_job(folder: JobFolder, job: Job) -> None:
    """Write the job for the workers."""
    write_json(folder.root / _NAME, asdict(job))


def read_job(folder: JobFolder) -> Job:
    """Read the job.

    Raises:
        YueError: The file is missing or damaged.
    """
    value = read_json(folder.root / _NAME)
    sections: dict[str, type[Any]] = {
        "mix": Mix,
        "model": Model,
        "lora": Lora,
        "train": Train,
        "logging": Logging,
    }
    try:
        typed = {name: kind(**_tuples(value.pop(name))) for name, kind in sections.items()}
        return Job(**value, **typed)
    except (AttributeError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder.root / _NAME}: not a job ({error})") from error


def _tuples(section: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in section.items()
    }
