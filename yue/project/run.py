"""A project made from flags and run at once: ``yue pipeline`` and ``yue preprocess``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.commands.use import activate
from yue.errors import UsageError, YueError
from yue.files import write_text
from yue.project.create import create_project, update_project
from yue.project.pipeline import project_pipelines
from yue.project.template import template_root
from yue.recipe.document import parse_document, read_document
from yue.recipe.read import checked
from yue.recipe.write import short_text


@dataclass(frozen=True)
class Order:
    """What a verb was asked for.

    Attributes:
        name: Of the recipe that is written (``recipes/<name>.yaml``).
        folder: The project, made if need be.
        base: The ready recipe that has all other values.
        values: Section to key to value.
        skipped: Stages to leave out; what they make must be there.
    """

    name: str
    folder: Path
    base: str
    values: Mapping[str, Mapping[str, Any]]
    skipped: tuple[str, ...] = ()


def prepare(order: Order) -> None:
    """Make or update the project, and make the recipe its active one.

    Raises:
        RecipeError: The values make no valid recipe; nothing is written then.
        UsageError: A stage cannot be skipped, or edits of params.yaml would be lost.
    """
    text = _recipe_text(order)
    if (order.folder / "dvc.yaml").is_file():
        update_project(order.folder, order.skipped)
    else:
        create_project(order.folder, order.base, order.skipped)
    file = order.folder / "recipes" / f"{order.name}.yaml"
    write_text(file, text)
    activate(file, order.folder)


def run(order: Order) -> None:
    """Run ``dvc repro`` in the prepared project; its output goes where this process's goes.

    Raises:
        UsageError: Something that a skipped stage makes is not there.
        YueError: A stage failed.
    """
    for path in project_pipelines(order.skipped).given:
        if not (order.folder / path).exists():
            raise UsageError(
                f"{order.folder / path} is not there",
                why=f"the stage that makes it is skipped ({', '.join(order.skipped)})",
                fix="run once without skipping it",
            )
    # The stages start `python -m yue`: it must be this Python, whatever the shell has in front.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=order.folder,
        env={**os.environ, "PATH": path},
        check=False,
    )
    if done.returncode:
        raise YueError(
            f"the pipeline in {order.folder} stopped",
            why="a stage failed; what it said is above",
            fix="mend that, then run the same command again: finished stages are kept",
        )


def _recipe_text(order: Order) -> str:
    """A checked recipe of the base's values and the order's, with no need of the base's file."""
    base = checked(read_document(template_root() / "recipes" / f"{order.base}.yaml"))
    values: dict[str, Any] = {**base.values, "name": order.name}
    values["description"] = f"written by yue {order.name}"
    for section, part in order.values.items():
        values[section] = {**values[section], **part}
    ours = f"# Written by `yue {order.name}` from the recipe {order.base} and its flags."
    text = short_text([ours], values)
    checked(parse_document(text, str(order.folder / f"recipes/{order.name}.yaml")))
    return text


def skipped_stages(words: Collection[str]) -> tuple[str, ...]:
    """The stages that ``--skip-steps`` means, which also takes names of several stages at once."""
    steps = {
        "preprocess": ("separate", "tokenize", "songs"),
        "dataset": ("mmap",),
        "count": (),
        "train": ("train", "evaluate", "generate", "report"),
    }
    stages = [stage for word in words for stage in steps.get(word, (word,))]
    return tuple(dict.fromkeys(stages))
