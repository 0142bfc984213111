"""Jobs that differ from another one in a few values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from yue.recipe.model import Recipe
from yue.training.job import Job

_LAUNCH = ("zero_stage", "offload")


def vary(job: Job, **changes: Any) -> Job:
    """Change a job: its fields, its recipe's sections, and a few keys that tests change most."""
    launch = {name: changes.pop(name) for name in _LAUNCH if name in changes}
    names = Recipe.__dataclass_fields__.keys() - Job.__dataclass_fields__.keys()
    sections = {name: changes.pop(name) for name in names if name in changes}
    if "device" in changes:
        sections["runtime"] = replace(job.recipe.runtime, device=changes.pop("device"))
    recipe = replace(job.recipe, **sections)
    return replace(job, recipe=replace(recipe, launch=replace(recipe.launch, **launch)), **changes)
