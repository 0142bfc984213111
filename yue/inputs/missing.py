"""What a recipe names that is not there and that nothing makes or fetches."""

from __future__ import annotations

from pathlib import Path

from yue.inputs.experiment import origin_of
from yue.inputs.pipeline_outputs import given, is_made
from yue.inputs.released_weights import released_at
from yue.recipe.mixing import SONGS, numbers_of
from yue.recipe.model import Codec, Mix, Recipe
from yue.recipe.problems import Problem
from yue.wording import quoted

_LINK_FIX = (
    "link to an absolute path (ln -sfn): from an experiment's folder a relative one leads elsewhere"
)


def missing_inputs(recipe: Recipe, root: Path) -> list[Problem]:
    """Return inputs that neither exist nor are made or fetched by a stage of the project."""
    songs = "put your songs there, or name their folder"
    inputs = {
        ("data", "songs_dir"): (recipe.data.songs_dir, songs),
        ("codec", "path"): (recipe.codec.path, _codec_fix(recipe.codec)),
        ("tokens", "tokenizer"): (recipe.tokens.tokenizer, "copy the SentencePiece model there"),
        ("model", "path"): (recipe.model.path, _weights_fix(recipe.model.path)),
    }
    found = []
    for key, (path, fix) in inputs.items():
        if (root / path).is_symlink() and not _is_there(path, root):
            rule = f"{path} is a link to {(root / path).readlink()}, which is not there"
            found.append(_problem(key, rule, _LINK_FIX, root))
        elif not _is_there(path, root):
            rule = f"{path} does not exist, and no stage makes it"
            found.append(_problem(key, rule, fix, root))
    found += [
        _problem(("generate", key), f"{path} does not exist", f"see {folder}/README.md", root)
        for key, path, folder in given(recipe.generate)
        if not _is_there(path, root)
    ]
    return found + _missing_datasets(recipe.mix, root)


def blocking_inputs(recipe: Recipe, root: Path) -> list[Problem]:
    """Return the missing inputs that a stage of the project's pipeline reads, and would stop at."""
    try:
        pipeline = (root / "dvc.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    folders = {
        ("separate", "weights"): (recipe.separate.weights, "see models/separator/README.md"),
        ("mix", "folder"): (recipe.mix.folder, "see corpora/README.md"),
    }
    watched = [
        _problem(key, f"{path} does not exist", fix, root)
        for key, (path, fix) in folders.items()
        if not _is_there(path, root)
    ]
    # Dependencies name recipe keys, but for datasets and what generate reads: these may be empty.
    runs = {"mix": "yue train", "generate": "yue generate"}
    return [
        problem
        for problem in [*missing_inputs(recipe, root), *watched]
        if f"${{{'.'.join(map(str, problem.path))}}}" in pipeline
        or runs.get(str(problem.path[0]), "${}") in pipeline
    ]


def exists(path: Path) -> bool:
    """Return whether a path is there; what is not ours to read counts as absent."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_there(path: str, root: Path) -> bool:
    origin = origin_of(root)
    return (
        exists(root / path)
        # The stage `inputs` links it; a link that git tracks stays as it is.
        or (origin is not None and exists(origin / path) and not (root / path).is_symlink())
        or is_made(path, root)
        or released_at(path) is not None
    )


def _problem(key: tuple[str, str], rule: str, fix: str, root: Path) -> Problem:
    origin = origin_of(root)
    where = "" if origin is None else f"in {origin}, which this experiment is of: "
    return Problem(key, rule, where + fix, at_key=True)


def _missing_datasets(mix: Mix, root: Path) -> list[Problem]:
    """Return datasets that are named and not there."""
    fix = "see corpora/README.md"
    return [
        _problem(("mix", "datasets"), f"no dataset '{name}' in {mix.folder}", fix, root)
        for name in numbers_of(mix.datasets)
        if name != SONGS
        and not _is_there(f"{mix.folder}/{name}/train.idx", root)
        and not _is_there(f"{mix.folder}/{name}.idx", root)
    ]


def _codec_fix(codec: Codec) -> str:
    if codec.name == "melrvq":
        return f"fit one to your songs: `yue fit-codec --help` (--output-dir {quoted(codec.path)})"
    return (
        f"`yue codecs` shows the command that fetches it; give it --output-dir {quoted(codec.path)}"
    )


def _weights_fix(path: str) -> str:
    return f"`yue fetch ORGANISATION/NAME --output-dir {quoted(path)}`, or copy the weights there"
