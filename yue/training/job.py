"""The job of a training run: made once from a recipe, written as ``job.json``, read by workers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from yue.errors import TrainingError
from yue.files import read_json, write_json
from yue.paths import Paths
from yue.recipe.model import Recipe


@dataclass(frozen=True)
class Job:
    """What to train, on what, and where.

    Attributes:
        recipe: The whole recipe; ``mix.folder`` is absolute or relative to the current folder.
        base: Folder of the base model.
        tokens: Folder of ``train`` and, maybe, ``valid`` token files.
        checkpoints: Folder that has a folder for each unfinished run.
        scratch: An existing folder for temporary files, on the file system of the results.
        watch: Folder for what may be watched: samples, TensorBoard, Weights & Biases.
        curves: Folder that gets the curves while training; None keeps them in the job's folder.
        project: Folder of the project; None for a run of flags, which has no songs and no codec.
        fingerprint: Digest of everything that decides the adapter; "" until the run is planned.
    """

    recipe: Recipe
    base: Path
    tokens: Path
    checkpoints: Path
    scratch: Path
    watch: Path
    curves: Path | None = None
    project: Path | None = None
    fingerprint: str = ""

    @property
    def device(self) -> str:
        """``runtime.device``: "cpu" or "cuda" once the run is planned, before that "auto" too."""
        return self.recipe.runtime.device

    @property
    def recipe_name(self) -> str | None:
        """The recipe's name for records; None where flags stand in place of a recipe."""
        return self.recipe.name if self.project else None

    @property
    def run_folder(self) -> Path:
        """Folder of this run's checkpoints and log."""
        return self.checkpoints / self.fingerprint

    def planned(self, *, device: str, fingerprint: str) -> Job:
        """Return the job as workers need it, wherever they are started: every place is absolute.

        Args:
            device: "cpu" or "cuda".
            fingerprint: Of the run's identity.
        """
        mix = replace(self.recipe.mix, folder=str(Path(self.recipe.mix.folder).resolve()))
        runtime = replace(self.recipe.runtime, device=device)
        return replace(
            self,
            recipe=replace(self.recipe, mix=mix, runtime=runtime),
            base=self.base.resolve(),
            tokens=self.tokens.resolve(),
            checkpoints=self.checkpoints.resolve(),
            scratch=self.scratch.resolve(),
            watch=self.watch.resolve(),
            curves=self.curves and self.curves.resolve(),
            project=self.project and self.project.resolve(),
            fingerprint=fingerprint,
        )


def job_of_project(recipe: Recipe, paths: Paths) -> Job:
    """Return what a project trains."""
    mix = replace(recipe.mix, folder=str(paths.root / recipe.mix.folder))
    return Job(
        recipe=replace(recipe, mix=mix),
        base=paths.root / recipe.model.path,
        tokens=paths.tokens,
        checkpoints=paths.side_store / "checkpoints",
        scratch=paths.work,
        watch=paths.work / "watch",
        curves=paths.metrics / "plots" / "train",
        project=paths.root,
    )


@dataclass(frozen=True)
class JobFolder:
    """Where the stage and its workers meet.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def job(self) -> Path:
        """What to do; written once, before the workers start."""
        return self.root / "job.json"

    @property
    def adapter(self) -> Path:
        """The finished adapter."""
        return self.root / "adapter"

    @property
    def live(self) -> Path:
        """DVCLive's own folder."""
        return self.root / "live"

    @property
    def curves(self) -> Path:
        """The curves, where the job names no other place for them."""
        return self.root / "curves"

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
        """Return the file of a process's error for the user, known or from within a library."""
        return self.root / f"{'error' if known else 'fault'}-{rank:05d}.json"

    def errors(self) -> list[Path]:
        """List the errors that there are: the known ones, then the earliest first.

        One process's error often makes the others fail, in words that do not say why.
        """
        found = [*self.root.glob("error-*.json"), *self.root.glob("fault-*.json")]
        return sorted(found, key=lambda path: (path.name[:5], path.stat().st_mtime_ns))


def write_job(folder: JobFolder, job: Job) -> None:
    """Write the job for the workers."""
    values = asdict(job)
    write_json(folder.job, {k: str(v) if isinstance(v, Path) else v for k, v in values.items()})


def read_job(folder: JobFolder) -> Job:
    """Read the job.

    Raises:
        YueError: The file is missing or damaged.
    """
    value = read_json(folder.job)
    try:
        job: Job = _typed_value(Job, value)
    except (AttributeError, KeyError, TypeError) as error:
        raise TrainingError(f"{folder.job}: not a job ({error})") from error
    return job


def _typed_value(kind: Any, value: Any) -> Any:
    """Return a JSON value as its field has it: dataclasses, paths and tuples again.

    Not by :func:`yue.recipe.read.build_recipe`, which reads the schema: the schema's code would be
    code of every training, and a new rule between keys would train again.
    """
    if is_dataclass(kind):
        fields = get_type_hints(kind)
        make: Any = kind
        return make(**{name: _typed_value(fields[name], inner) for name, inner in value.items()})
    if kind in (Path, Path | None):
        return None if value is None else Path(value)
    return tuple(value) if isinstance(value, list) else value
