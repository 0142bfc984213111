"""Stage ``validate``: every fault of the active recipe, before any work."""

from __future__ import annotations

from yue.files import write_text
from yue.paths import Paths
from yue.recipe.document import read_document
from yue.recipe.faults import RecipeFaultsError
from yue.recipe.fitting import codec_problems
from yue.recipe.inputs import blocking_inputs
from yue.recipe.model import Recipe
from yue.recipe.read import fault_of
from yue.recipe.schema import keys
from yue.stages import StageSummary


def main(recipe: Recipe, paths: Paths) -> StageSummary:
    """Write the marker that later stages wait for; its content never changes.

    The recipe was checked when it was read: what is left to check are the files that it names.

    Raises:
        RecipeFaultsError: A stage would miss an input, where DVC would stop with less to say, or
            a codec does not fit.
    """
    found = blocking_inputs(recipe, paths.root) + codec_problems(recipe, paths.root)
    if found:
        document = read_document(paths.params)
        faults = [fault_of(document, problem) for problem in found]
        raise RecipeFaultsError(document.file, document.lines, faults)
    write_text(paths.work / "recipe.ok", "ok\n")
    return StageSummary(
        made=f"{paths.params.name} is the recipe {recipe.name}: {len(keys())} keys, no faults",
        rejected="nothing",
        next="dvc repro",
    )
