"""Experiments, as ``dvc exp show`` lists them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from yue.errors import YueError


@dataclass(frozen=True)
class Experiment:
    """One line of ``dvc exp show``.

    Attributes:
        name: Of the experiment, else of the branch, else the commit's first digits.
        params: Recipe keys, ``"lora.r"``, to values.
        metrics: ``"eval:tuned.vocal.loss"`` (file, colon, path) to numbers.
        samples: DVC's hash of the folder of samples, or None.
        state: What keeps it from being shown whole ("queued", an error), or "".
    """

    name: str
    params: dict[str, Any]
    metrics: dict[str, float]
    samples: str | None
    state: str


def show_experiments(root: Path, *arguments: str) -> Any:
    """Run ``dvc exp show --json`` and return what it prints.

    Raises:
        YueError: It fails; with its own last words.
    """
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "exp", "show", "--json", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        said = done.stderr.strip().splitlines() or [str(error)]
        raise YueError(
            f"`dvc exp show` failed: {said[-1]}",
            fix="git init && dvc config --unset core.no_scm && git add . && git commit -m start"
            "   # experiments are commits of git"
            if "Only supported for Git" in said[-1]
            else "run it in the project's folder to see all it says",
        ) from error


def cache_folder(root: Path) -> Path:
    """Find the project's DVC cache.

    Raises:
        YueError: There is no DVC project.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        return Path(Repo(str(root)).cache.local.path).parents[1]
    except DvcException as error:
        raise YueError(
            f"{root}: not a DVC project ({error})",
            fix="run it in a project; `yue init` makes one",
        ) from error


def project_experiments(root: Path, *arguments: str) -> list[Experiment]:
    """List the experiments of a project, the workspace first.

    Args:
        root: The project.
        arguments: Which of them, for ``dvc exp show``.

    Raises:
        YueError: DVC cannot list them.
    """
    lock = root / "dvc.lock"
    try:
        ran = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]
    except (OSError, ValueError, YAMLError, KeyError, TypeError):
        ran = {}  # nothing ran yet, or DVC itself says what is wrong with its file
    return read_experiments(show_experiments(root, *arguments), ran)


def read_experiments(shown: Any, ran: Mapping[str, Any] | None = None) -> list[Experiment]:
    """Read the experiments of ``dvc exp show --json``, the workspace first.

    The workspace is left out where it is the same as another.

    Args:
        shown: What DVC printed.
        ran: The stages of dvc.lock, which say with which values the workspace's files were made.
    """
    found = [_parse_experiment(row) for row in _all_rows(shown)]
    if found and not found[0].state and _was_edited(found[0].params, ran or {}):
        found[0] = replace(found[0], metrics={}, samples=None, state="edited since its run")
    results = [(one.params, one.metrics, one.samples) for one in found]
    is_duplicate = found and not found[0].state and results[0] in results[1:]
    return found[1:] if is_duplicate else found


def _all_rows(shown: Any) -> Iterator[Mapping[str, Any]]:
    for commit in shown:
        yield commit
        for experiment in commit.get("experiments") or ():
            executor = experiment.get("executor") or {}
            for revision in (experiment.get("revs") or ())[:1]:  # the others are its checkpoints
                state = executor.get("state")
                yield {**revision, "state": None if state == "success" else state}


def _parse_experiment(row: Mapping[str, Any]) -> Experiment:
    data = row.get("data") or {}
    state = str(row.get("state") or (row.get("error") or {}).get("msg") or "")
    if any("error" in content for content in (data.get("metrics") or {}).values()):
        state = state or "not finished"  # a stage failed, and later ones left what they had made
    params = data.get("params", {}).get("params.yaml", {}).get("data") or {}
    if state:  # what DVC says of an experiment that runs is left from the one before
        data = {}
    outs = data.get("outs") or {}
    return Experiment(
        name=str(row.get("name") or _short_revision(str(row.get("rev", "")))),
        params=dict(_flatten(params)),
        metrics={
            f"{Path(file).stem}:{name}": float(value)
            for file, content in (data.get("metrics") or {}).items()
            for name, value in _flatten(content.get("data") or {})
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
        samples=(outs.get("work/samples") or {}).get("hash"),
        state=state,
    )


def _short_revision(revision: str) -> str:
    return revision if revision == "workspace" else revision[:7]


def _was_edited(params: Mapping[str, Any], ran: Mapping[str, Any]) -> bool:
    """Whether a stage of dvc.lock ran with another value of a key than the recipe has now."""
    values = [(stage.get("params") or {}).get("params.yaml") or {} for stage in ran.values()]
    return any(
        key in params and params[key] != value for stage in values for key, value in _flatten(stage)
    )


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def differing_keys(experiments: Sequence[Experiment]) -> list[str]:
    """Return the recipe keys in which experiments differ, in the recipe's order."""
    keys = dict.fromkeys(key for experiment in experiments for key in experiment.params)
    known = [experiment for experiment in experiments if experiment.params]
    return [
        key
        for key in keys
        if len({json.dumps(experiment.params.get(key)) for experiment in known}) > 1
    ]
