"""What is worth saying about a valid recipe: drift from its file, inputs that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yue.recipe.document import Document
from yue.recipe.drift import Difference, drift_of
from yue.recipe.mixing import SONGS, numbers_of
from yue.recipe.model import Codec, Generate, Mix, Recipe
from yue.recipe.outs import fetching_stage, is_made

WATCHED = {
    "audio_prompt": "prompts",
    "vocal_prompt": "prompts",
    "instrumental_prompt": "prompts",
    "stage2": "models/stage2",
}
"""Keys of generate that may be empty, and the folders of which dvc.yaml knows in their place."""

_SHOWN = 6


@dataclass(frozen=True)
class Note:
    """Not a fault: what is the case, and what to do about it."""

    what: str
    fix: str

    def __str__(self) -> str:
        return f"note: {self.what}\n  fix: {self.fix}"


def recipe_notes(recipe: Recipe, root: Path) -> list[Note]:
    """All notes of a recipe in a project: what is missing first."""
    return [
        note
        for notes in (input_notes, fetch_notes, unwatched_notes)
        for note in notes(recipe, root)
    ]


def input_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Inputs that neither exist nor are made by a pipeline file of the project."""
    inputs = {
        "data.songs_dir": (
            recipe.data.songs_dir,
            "put your songs there, or name their folder",
        ),
        "codec.path": (recipe.codec.path, _codec_fix(recipe.codec)),
        "tokens.tokenizer": (recipe.tokens.tokenizer, "copy the SentencePiece model there"),
        "model.path": (recipe.model.path, _weights_fix(recipe.model.path)),
    }
    missing = [
        Note(f"{key}: {path} does not exist, and no dvc.yaml makes it", fix)
        for key, (path, fix) in inputs.items()
        if not _exists(root / path) and not is_made(path, root)
    ]
    given = [
        Note(f"generate.{key}: {path} does not exist", f"see {folder}/README.md")
        for key, path, folder in _given(recipe.generate)
        if not _exists(root / path)
    ]
    return missing + _mix_notes(recipe.mix, root) + given


def fetch_notes(recipe: Recipe, root: Path) -> list[Note]:
    """Weights that a later stage needs, and that DVC would download only then."""
    weights = {
        "codec.path": ("tokenize", recipe.codec.path),
        "model.path": ("train", recipe.model.path),
    }
    notes = []
    for key, (stage, path) in weights.items():
        target = fetching_stage(path, root)
        if target is not None and not _has_files(root / path):
            what = f"{key}: {path} is not there yet; `dvc repro` downloads it before {stage}"
            notes.append(Note(what, f"nothing, or do it first: dvc repro {target}"))
    return notes


def unwatched_notes(recipe: Recipe, root: Path) -> list[Note]:
    """What samples are made with and is where DVC does not look."""
    return [
        Note(
            f"generate.{key}: {path} is not in {folder}/, where DVC would see that its content "
            "changes",
            f"move it to {folder}/, or after a change of it run `dvc repro -f -s generate`",
        )
        for key, path, folder in _given(recipe.generate)
        if _exists(root / path) and not _is_watched(root / path, root / folder)
    ]


def _is_watched(path: Path, folder: Path) -> bool:
    """Whether DVC sees a path's content in a folder: it follows links to files, none to folders."""
    place = path if path.is_dir() else path.parent
    return place.resolve().is_relative_to(folder.resolve())


def _given(generate: Generate) -> Iterator[tuple[str, str, str]]:
    """Key, path and watched folder of what samples are made with."""
    for key, folder in WATCHED.items():
        path: str | None = getattr(generate, key)
        if path is not None:
            yield key, path, folder


def _mix_notes(mix: Mix, root: Path) -> list[Note]:
    """Datasets that are named and not there."""
    folder = root / mix.folder
    return [
        Note(f"mix.datasets: no dataset '{name}' in {mix.folder}", "see corpora/README.md")
        for name in numbers_of(mix.datasets)
        if name != SONGS
        and not _exists(folder / name / "train.idx")
        and not _exists(folder / f"{name}.idx")
    ]


def drift_notes(params: Document, root: Path) -> list[Note]:
    """How params.yaml differs from the recipe that it names."""
    drift = drift_of(params, root)
    if drift.recipe is None:
        return []
    notes = []
    force = "--force " if drift.edited else ""
    if drift.edited:
        what = f"{params.file} was edited since `yue use {drift.recipe}`"
        if drift.differences:
            what += f": {shown(drift.differences)}"
        notes.append(Note(what, f"nothing, or `yue use {force}{drift.recipe}` to go back"))
    if drift.moved and _exists(root / drift.recipe):
        what = f"{drift.recipe} has changed since it was made active"
        notes.append(Note(what, f"nothing, or `yue use {force}{drift.recipe}` to take it over"))
    elif drift.moved:
        what = f"{drift.recipe}, which {params.file} was written from, is gone"
        notes.append(Note(what, "nothing, or make another recipe active with `yue use`"))
    return notes


def shown(differences: tuple[Difference, ...]) -> str:
    """Differences on one line: ``lora.r is 16, not 8``."""
    words = [
        f"{d.key} is {d.ours}, not {d.theirs}"
        if d.ours is not None and d.theirs is not None
        else f"{d.key} is {'missing' if d.ours is None else 'not in the recipe'}"
        for d in differences[:_SHOWN]
    ]
    more = len(differences) - _SHOWN
    return "; ".join([*words, f"and {more} more"] if more > 0 else words)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # not ours to read
        return False


def _has_files(path: Path) -> bool:
    try:
        return path.is_file() or any(found.is_file() for found in path.rglob("*"))
    except OSError:
        return False


def _codec_fix(codec: Codec) -> str:
    if codec.name == "melrvq":
        return f"fit one to your songs: `yue fit-codec --help` (--output-dir {codec.path})"
    return f"`yue codecs` shows the command that fetches it; give it --output-dir {codec.path}"


def _weights_fix(path: str) -> str:
    return f"`yue fetch ORGANISATION/NAME --output-dir {path}`, or copy the weights there"
