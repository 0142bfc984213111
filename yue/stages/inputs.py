"""Stage ``inputs``: what the recipe names and no stage makes is here before any work.

Experiments in folders of their own get links to the files of the project they came from; released
weights that are not whole are downloaded, or go on downloading, into the project, since the folder
of an experiment goes with it. Nothing that is here is touched.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from yue.errors import YueError
from yue.files import write_text
from yue.inputs.experiment import link_inputs, mark_untracked, origin_of
from yue.inputs.fetch import fetch_repository
from yue.inputs.missing import blocking_inputs, exists
from yue.inputs.released_weights import Released, missing_files, released_at
from yue.paths import Paths
from yue.recipe.model import Recipe
from yue.recipe.yaml_positions import dotted
from yue.wording import StageSummary, few, quoted


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write the marker that stages with work wait for; its content never changes.

    Raises:
        YueError: Weights are not whole and cannot be downloaded, or a link leads nowhere here.
    """
    origin = origin_of(paths.root)
    linked: list[str] = []
    if origin is None:
        mark_untracked(recipe, paths.root)
    else:
        linked = link_inputs(recipe, paths.root, origin)
        # `validate`, done in its project already, has not looked in an experiment.
        for problem in blocking_inputs(recipe, paths.root):
            raise YueError(f"{dotted(problem.path)}: {problem.rule}", fix=problem.fix)
    fetched = _fetch_weights(recipe, paths.root, origin)
    write_text(paths.work / "inputs.ok", "ok\n")
    made = [f"{few(linked)} linked from {origin}"] if linked else []
    made += [f"{few(fetched)} downloaded"] if fetched else []
    return StageSummary(
        made="; ".join(made) or "all that the recipe names is here",
        rejected="nothing",
        next="dvc repro",
    )


def _fetch_weights(recipe: Recipe, root: Path, origin: Path | None) -> list[str]:
    """Download what released weights lack; return the folders that something was downloaded to.

    Args:
        recipe: The active recipe.
        root: Where they are to be.
        origin: The project that ``root`` is an experiment of, which keeps them; None in a project.

    Raises:
        YueError: Weights are not whole and cannot be downloaded; all that are missing are named.
    """
    wanted = _find_lacks(recipe, root)
    for number, lack in enumerate(wanted):
        folder, weights = lack.folder, lack.weights
        print(f"inputs: {folder} lacks {few(lack.files)}; downloading {weights.repo}", flush=True)
        try:
            fetch_repository(weights.repo, (origin or root) / folder, include=weights.include)
        except YueError as error:
            puts = [f"{few(each.files)} into {quoted(each.folder)}" for each in wanted[number:]]
            raise YueError(
                f"{lack.key}: {folder} lacks {few(lack.files)}, and {error.what}",
                why=error.why,
                fix=f"put {', '.join(puts)} and run `dvc repro`: they are used as they are, "
                "offline; or, with a network, run it again: it goes on where it stopped",
            ) from error
    if wanted and origin is not None:
        link_inputs(recipe, root, origin)
    if left := _find_lacks(recipe, root):
        raise YueError(
            f"{left[0].key}: {left[0].folder} lacks {few(left[0].files)}",
            why=f"{left[0].weights.repo} was downloaded and does not have it",
            fix=f"copy it into {quoted(left[0].folder)}, or name another path",
        )
    return [lack.folder for lack in wanted]


@dataclass(frozen=True)
class _Lack:
    """Released weights that are not whole: the key that names their folder, and what it lacks."""

    key: str
    folder: str
    weights: Released
    files: tuple[str, ...]


def _find_lacks(recipe: Recipe, root: Path) -> list[_Lack]:
    """Return the released weights of a recipe that are not whole, each folder once."""
    found: dict[str, _Lack] = {}
    # The paths that may lie in released weights, by recipe key.
    paths = {
        "codec.path": recipe.codec.path,
        "model.path": recipe.model.path,
        "tokens.tokenizer": recipe.tokens.tokenizer,
        "generate.stage2": recipe.generate.stage2 or "",
    }
    for key, path in paths.items():
        released = released_at(path)
        if released is None:
            continue
        weights, folder = released
        files = missing_files(weights, root / folder)
        if path != folder and not exists(root / path):  # a file there, such as the tokenizer
            files += (Path(path).name,)
        if files:
            first = found.get(folder, _Lack(key, folder, weights, ()))
            files = tuple(dict.fromkeys(first.files + files))
            found[folder] = dataclasses.replace(first, files=files)
    return list(found.values())
