"""Stage ``report``, where what it would show is not the active recipe's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from yue.errors import YueError
from yue.files import write_json
from yue.paths import Paths
from yue.recipe.differences import sections_of
from yue.recipe.read import default_recipe
from yue.stages.report import main


def test_results_of_another_recipe_are_not_shown_as_this_one_s(
    results: Paths, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    recipe = default_recipe()
    recipe = replace(recipe, name="seven", model=replace(recipe.model, path=str(base)))
    trained = sections_of(recipe)
    trained["lora"]["r"] = 3
    record = {"recipe": trained, "recipe_name": "demo", "base_digest": "0" * 64}
    write_json(results.adapter / "run.json", record)
    with pytest.raises(YueError) as refused:
        main(recipe, results)
    told = str(refused.value)
    assert "is not the active recipe's (seven) but of the recipe demo" in told
    assert "lora.r 3, here 8; base model 000000000000, here " in told
    assert not results.report.exists()
