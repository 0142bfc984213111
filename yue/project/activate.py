"""Make a recipe the active one: write params.yaml, without losing edits of the last."""

from __future__ import annotations

import contextlib
from pathlib import Path

from yue.errors import RecipeError, UsageError
from yue.files import write_text
from yue.inputs.pipeline_outputs import write_needed
from yue.inputs.recipe_notes import shown
from yue.recipe.differences import drift_of
from yue.recipe.model import Recipe
from yue.recipe.read import build_recipe, checked, same_value
from yue.recipe.resolve import ACTIVE, Resolved, resolve
from yue.recipe.undo import committed_text
from yue.recipe.writing import active_text
from yue.recipe.yaml_positions import Document, parse_document, read_document
from yue.wording import quoted

_FIX = "keep it as a recipe of its own (cp params.yaml recipes/mine.yaml), or give --force"


def activate(file: Path, root: Path, *, force: bool = False) -> Recipe:
    """Write a recipe to a project's params.yaml.

    Args:
        file: The recipe.
        root: The project.
        force: Overwrite a params.yaml that was edited.

    Raises:
        RecipeError: The recipe has faults.
        UsageError: Edits would be lost.
    """
    params = root / ACTIVE
    if file.absolute() == params:
        raise UsageError(
            f"{ACTIVE} is the active recipe already", fix="name another: `yue recipes`"
        )
    found = checked(read_document(file))
    if params.exists() and not force:
        _refuse_to_lose_edits(params, found)
    write_text(params, active_text(found, file, root))
    recipe = build_recipe(found.values)
    write_needed(recipe, root)
    return recipe


def _refuse_to_lose_edits(file: Path, new: Resolved) -> None:
    """Raise a UsageError when ``file`` has values that no recipe file has."""
    try:
        params = read_document(file)
    except RecipeError as error:
        raise UsageError(f"params.yaml would be lost, and has faults\n{error}", fix=_FIX) from error
    if same_value(resolve(params).values, new.values):
        return
    drift = drift_of(params, file.parent)
    if not drift.edited or _is_kept(params, file.parent / "recipes"):
        return
    if drift.recipe is None:
        why = "its header does not say which recipe it was written from"
        raise UsageError("params.yaml would be lost", why=why, fix=_FIX)
    changes = f": {shown(drift.differences)}" if drift.differences else ""
    raise UsageError(
        f"params.yaml was edited since `yue use {quoted(Path(drift.recipe))}`{changes}",
        why="these edits, or values that an experiment has set, would be lost",
        fix=_restore_command(file) + _FIX,
    )


def _is_kept(params: Document, folder: Path) -> bool:
    """Tell whether a recipe of ``folder`` has the values of params.yaml, as the fix asks for."""
    values = resolve(params).values
    for file in sorted(folder.glob("*.yaml")):
        with contextlib.suppress(RecipeError):
            if same_value(resolve(read_document(file)).values, values):
                return True
    return False


def _restore_command(file: Path) -> str:
    """Say how to undo an experiment's values, where git has the recipe as `yue use` wrote it."""
    committed = committed_text(file)
    try:
        edited = committed is None or drift_of(parse_document(committed, ""), file.parent).edited
    except RecipeError:
        return ""
    return "" if edited else "go back to the committed one (git restore params.yaml), "
