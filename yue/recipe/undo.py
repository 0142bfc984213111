"""Taking a faulty override out of params.yaml again.

``dvc exp run -S`` writes its overrides into params.yaml before any stage runs, and leaves them
there when a stage fails. For an override that never was a recipe that is no help: the keys that
have faults get the values back that the last run had (dvc.lock), else those that git has, and only
these, so that other edits stay.
"""

from __future__ import annotations

import copy
import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from yue.errors import RecipeError
from yue.files import write_text
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.read import build_recipe, problems, same_value
from yue.recipe.resolve import resolve
from yue.recipe.writing import with_values
from yue.recipe.yaml_positions import parse_document, read_document


def undo_faults(params: Path, error: RecipeFaultsError) -> tuple[Recipe, tuple[str, ...]] | None:
    """Give faulty keys of ``params`` their earlier values, when that makes it a recipe.

    Returns:
        The recipe that params.yaml is now, and the keys that have other values than before; None
        when the file was left alone.
    """
    committed = committed_text(params)
    if committed is None:
        return None
    try:
        before, now = parse_document(committed, params.name), read_document(params)
        values = copy.deepcopy(dict(now.values))
        earlier = {**before.values, **_last_run(params)}
        # The keys that faults are about, without places in lists.
        at_fault = ((fault.key.split("[")[0], *fault.others) for fault in error.faults)
        names = dict.fromkeys(name for group in at_fault for name in group)
        for name in names:
            _give_back(values, earlier, name.split("."))
        found = resolve(dataclasses.replace(now, values=values))
        # A duplicate key is among the faults of the file: no override makes one, a person did.
        if found.faults or problems(found.values) or same_value(values, now.values):
            return None
        same = same_value(values, before.values)
        text = committed if same else with_values(now.text + "\n", values)
    except RecipeError:
        return None
    write_text(params, text)
    changed = (name for name in names if not same_value(_at(values, name), _at(now.values, name)))
    return build_recipe(found.values), tuple(changed)


def _at(values: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name; None where there is none."""
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _give_back(values: dict[str, Any], before: Mapping[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in before:
        values.pop(name, None)
    elif rest and isinstance(values.get(name), dict):
        _give_back(values[name], before[name], rest)
    else:
        values[name] = copy.deepcopy(before[name])


def _last_run(params: Path) -> dict[str, Any]:
    """Return the sections with which the check of the recipe last passed, as DVC noted them."""
    try:
        lock = YAML(typ="safe", pure=True).load(
            (params.parent / "dvc.lock").read_text(encoding="utf-8")
        )
        sections = lock["stages"]["validate"]["params"][params.name]
    except (OSError, ValueError, YAMLError, KeyError, TypeError, RecursionError):
        return {}
    return dict(sections) if isinstance(sections, Mapping) else {}


def committed_text(path: Path) -> str | None:
    """Return the file's text in git's HEAD, or None where there is none."""
    try:
        done = subprocess.run(
            ["git", "show", f"HEAD:./{path.name}"],
            cwd=path.parent,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf-8")
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None
