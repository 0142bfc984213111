"""Notes on a valid recipe: drift from its file, missing inputs, weights that do not fit.

A codec that does not fit the weights or the base model that the recipe names is a fault
(:func:`codec_problems`) where it can never work, else a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yue.codec_facts import BUILT_IN, YUE_ROWS
from yue.inputs.missing import exists, missing_inputs
from yue.inputs.pipeline_outputs import given, is_made, is_untracked
from yue.inputs.released_weights import missing_files, released_at
from yue.recipe.differences import Difference, drift_of
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem
from yue.recipe.resolve import ACTIVE, Resolved, left_out
from yue.recipe.schema import keys_by_path
from yue.recipe.yaml_positions import Document, dotted, shown_value
from yue.wording import few, quoted

_RELEASED = re.compile(r"YuE-s[12]-")
_OURS, _YUES = "melrvq", "xcodec"
_MAX_DIFFERENCES = 6
_COMPLETE = f"`yue use {ACTIVE}`"


def codec_problems(recipe: Recipe, root: Path) -> list[Problem]:
    """Return what can never work: another codec's weights, a model without the codec's ids."""
    found = []
    name, path = recipe.codec.name, recipe.codec.path
    holds = _codec_in(root / path)
    if name in BUILT_IN and holds is not None and holds != name:
        rule = f"holds the weights of {holds}, not of {name}"
        fix = f"name the folder of {name}, or set codec.name to {holds}"
        found.append(Problem(("codec", "path"), rule, fix, others=("codec.name",)))
    rows = _embedding_rows(recipe.model.path, root)
    if name == _OURS and rows is not None and rows <= YUE_ROWS:
        rule = f"its codes have ids that {recipe.model.path} ({rows:,} rows) does not have"
        fix = f"take {_YUES}, the codec of the released models, or a model made for {_OURS}"
        found.append(Problem(("codec", "name"), rule, fix, others=("model.path",)))
    return found


def is_strange(recipe: Recipe) -> bool:
    """Return whether a released model is given the codes of a codec that it does not know."""
    released = _RELEASED.match(Path(recipe.model.path).name) is not None
    return released and recipe.codec.name != _YUES


def _codec_in(folder: Path) -> str | None:
    """Return the codec whose weights a folder has, where the folder itself says so."""
    if exists(folder / "final_ckpt" / "config.yaml"):  # as YuE's own are laid out
        return _YUES
    name = _read_object(folder / "config.json").get("codec")
    return name if name in BUILT_IN else None


def _embedding_rows(path: str, root: Path) -> int | None:
    """Return embedding rows of the base model, or of the released one yet to be fetched."""
    rows = _read_object(root / path / "config.json").get("vocab_size")
    if isinstance(rows, int):
        return rows
    fetched = released_at(path) is not None
    return YUE_ROWS if fetched and _RELEASED.match(Path(path).name) else None


def _read_object(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Note:
    """Not a fault: what is the case, and what to do about it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"note: {self.what}\n  fix: {self.fix}"


def recipe_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return all notes of a recipe in a project: what is missing first."""
    return [
        *input_notes(recipe, root),
        *_empty_notes(recipe, root),
        *_codec_notes(recipe, root),
        *fetch_notes(recipe, root),
        *_untracked_notes(recipe, root),
        *unwatched_notes(recipe, root),
    ]


def input_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return inputs that neither exist nor are made by a pipeline file of the project."""
    return _of_problems(missing_inputs(recipe, root))


def _empty_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return a folder of songs that holds none yet."""
    folder = recipe.data.songs_dir
    if not exists(root / folder) or is_made(folder, root) or _has_files(root / folder):
        return []
    return [Note(f"data.songs_dir: {folder} is empty", "put your songs there")]


def _codec_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return a codec whose weights or whose ids do not fit."""
    notes = _of_problems(codec_problems(recipe, root))
    if notes or not is_strange(recipe):
        return notes
    what = f"codec.name: {recipe.model.path} was trained on xcodec, not on {recipe.codec.name}"
    return [Note(what, "set codec.name to xcodec, unless you mean to teach it another codec")]


def fetch_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return notes on released weights that are not whole, which `dvc repro` downloads first."""
    notes = []
    for key, path in (("codec.path", recipe.codec.path), ("model.path", recipe.model.path)):
        found = released_at(path)
        if found is None:
            continue
        weights, folder = found
        if lacking := missing_files(weights, root / folder):
            what = f"{key}: {folder} lacks {few(lacking)}; `dvc repro` downloads it before any work"
            fix = f"no action needed; to do it now: {weights.fetch_command(folder)}"
            notes.append(Note(what, fix))
    return notes


def _untracked_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return a note on songs that neither DVC nor git tracks, which a clone will not have."""
    folder = recipe.data.songs_dir
    if not is_untracked(folder, root) or not _has_files(root / folder):
        return []
    what = f"data.songs_dir: {folder} is tracked by neither DVC nor git: clones will lack it"
    fix = f"dvc add {quoted(folder)} && git add {quoted(f'{folder}.dvc')}, or keep a copy elsewhere"
    return [Note(what, fix)]


def unwatched_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Return what samples are made with and is where DVC does not look."""
    return [
        Note(
            f"generate.{key}: {path} is not in {folder}/, where DVC would see that its content "
            "changes",
            f"move it to {folder}/, or after a change of it run `dvc repro -f -s generate`",
        )
        for key, path, folder in given(recipe.generate)
        if exists(root / path) and not _is_watched(root / path, root / folder)
    ]


def _is_watched(path: Path, folder: Path) -> bool:
    """Return whether DVC sees a path's content in a folder: it follows links to files alone."""
    place = path if path.is_dir() else path.parent
    return place.resolve().is_relative_to(folder.resolve())


def drift_notes(params: Document, root: Path) -> list[Note]:
    """Return notes on how params.yaml differs from the recipe that it names."""
    drift = drift_of(params, root)
    if drift.recipe is None:
        return []
    notes = []
    name = quoted(Path(drift.recipe))
    use = f"yue use {'--force ' if drift.edited else ''}{name}"
    if drift.edited:
        what = f"{params.file} was edited since `yue use {name}`"
        if drift.differences:
            what += f": {shown(drift.differences)}"
        notes.append(Note(what, f"no action needed; `{use}` goes back"))
    if drift.moved and exists(root / drift.recipe):
        what = f"{drift.recipe} has changed since it was made active"
        notes.append(Note(what, f"no action needed; `{use}` takes it over"))
    elif drift.moved:
        what = f"{drift.recipe}, which {params.file} was written from, is gone"
        notes.append(Note(what, "no action needed; `yue use` makes another recipe active"))
    return notes


def shown(differences: tuple[Difference, ...]) -> str:
    """Return differences on one line: ``lora.r is 16, not 8``."""
    words = [
        f"{d.key} is {d.ours}, not {d.theirs}"
        if d.ours is not None and d.theirs is not None
        else f"{d.key} is {'missing' if d.ours is None else 'not in the recipe'}"
        for d in differences[:_MAX_DIFFERENCES]
    ]
    more = len(differences) - _MAX_DIFFERENCES
    return "; ".join([*words, f"and {more} more"] if more > 0 else words)


def upkeep_notes(found: Resolved) -> list[Note]:
    """Return notes on a file's old names, and on keys that params.yaml lacks."""
    active = Path(found.document.file).name == ACTIVE
    fix = f"no action needed; {_COMPLETE} writes it so" if active else "no action needed"
    notes = [Note(f"{each.file}:{each.line}: {each.what}", fix) for each in found.changes]
    missing = left_out(found.document) if active else []
    if missing:
        defaults = [keys_by_path()[tuple(name.split("."))].default for name in missing]
        shown = [f"{n} ({shown_value(v)})" for n, v in zip(missing, defaults, strict=True)]
        if (more := len(missing) - _MAX_DIFFERENCES) > 0:
            shown[_MAX_DIFFERENCES:] = [f"and {more} more"]
        what = f"{found.document.file} leaves out what takes its default: {', '.join(shown)}"
        fix = f"{_COMPLETE} writes it there, where DVC looks for paths and sections"
        notes.append(Note(what, fix))
    return notes


def _of_problems(found: Iterable[Problem]) -> list[Note]:
    return [Note(f"{dotted(p.path)}: {p.rule}", p.fix) for p in found]


def _has_files(path: Path) -> bool:
    try:
        return path.is_file() or any(found.is_file() for found in path.rglob("*"))
    except OSError:
        return False
