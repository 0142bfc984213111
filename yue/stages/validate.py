"""Stage ``validate``: every fault of the active recipe, before any work."""

from __future__ import annotations

from yue.errors import YueError
from yue.files import write_text
from yue.inputs.experiment import origin_of
from yue.inputs.missing import blocking_inputs
from yue.inputs.pipeline_outputs import FILE, write_needed
from yue.inputs.recipe_notes import codec_problems
from yue.paths import Paths
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.read import fault_of
from yue.recipe.schema import keys
from yue.recipe.yaml_positions import read_document
from yue.wording import StageSummary


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write the marker that later stages wait for; its content never changes.

    The recipe was checked when it was read: what is left to check are the files that it names.

    Raises:
        RecipeFaultsError: A stage would miss an input, where DVC would stop with less to say, or
            a codec does not fit.
        YueError: The recipe needs stages of the demo that DVC has not read.
    """
    found = blocking_inputs(recipe, paths.root) + codec_problems(recipe, paths.root)
    if found:
        document = read_document(paths.params)
        faults = [fault_of(document, problem) for problem in found]
        raise RecipeFaultsError(document.file, document.lines, faults)
    change = write_needed(recipe, paths.root)
    if change.added:
        origin = origin_of(paths.root)
        raise YueError(
            f"{FILE} did not list {', '.join(change.added)}, which the recipe needs; now it does",
            why="DVC read it before, and so does not know these stages yet",
            fix="run the same command again"
            if origin is None
            else f"an experiment's folder goes with it: in {origin} set these values in "
            f"{paths.params.name}, give `yue use {paths.params.name}`, then queue it again",
        )
    write_text(paths.work / "recipe.ok", "ok\n")
    return StageSummary(
        made=f"{paths.params.name} is the recipe {recipe.name}: {len(keys())} keys, no faults",
        rejected="nothing",
        next="dvc repro",
    )
