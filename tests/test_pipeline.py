"""dvc.yaml says the truth: each stage depends on the code it runs and the sections it reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from yue.cli import STAGES
from yue.imports import Imports
from yue.inputs.pipeline_outputs import WATCHED
from yue.project.pipeline_files import NOTES
from yue.training.plan import PROGRAMS as WORKERS

ROOT = Path(__file__).resolve().parent.parent

# Sections that say only how to run.
HOW_TO_RUN = {"runtime", "launch", "logging"}


def pipeline() -> dict[str, dict[str, object]]:
    return YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def missing_deps(modules: list[str], deps: set[str]) -> list[str]:
    """Files that decide what modules do and that no dependency covers."""
    return [file for file in Imports().closure(modules) if not is_covered(file, deps)]


def is_covered(file: str, deps: set[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def test_stages_are_the_verbs_of_the_command_in_the_same_order() -> None:
    assert list(pipeline()) == list(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_file_that_decides_what_it_makes(stage: str) -> None:
    modules = [f"yue.stages.{stage}", *(WORKERS if stage == "train" else ())]
    missing = missing_deps(modules, {str(dep) for dep in pipeline()[stage]["deps"]})
    assert not missing, f"dvc.yaml: stage {stage} lacks deps for {missing}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_no_code_that_it_does_not_run(stage: str) -> None:
    modules = [f"yue.stages.{stage}", *(WORKERS if stage == "train" else ())]
    files = Imports().closure(modules)
    deps = [dep for dep in map(str, pipeline()[stage]["deps"]) if dep.startswith("yue/")]
    unused = [dep for dep in deps if not any(is_covered(file, {dep}) for file in files)]
    assert not unused, f"dvc.yaml: stage {stage} does not run {unused}"


def test_a_new_recipe_key_reruns_no_stage_that_does_not_read_it() -> None:
    for stage in set(STAGES) - {"validate", "inputs"}:  # what these two write never changes
        deps = {str(dep) for dep in pipeline()[stage]["deps"]}
        for file in ("model.py", "recipe.schema.json", "rules.py", "read.py"):
            assert not is_covered(f"yue/recipe/{file}", deps), stage


def test_dvc_watches_the_folders_of_what_samples_are_made_with() -> None:
    folders = set(WATCHED.values())
    assert folders <= set(pipeline()["generate"]["deps"])
    assert {f"{folder}/README.md" for folder in folders} <= set(NOTES)  # else DVC finds no folder


def test_notes_rerun_no_stage() -> None:
    ignored = (ROOT / ".dvcignore").read_text().splitlines()
    assert {f"/{note}" for note in NOTES} <= set(ignored)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_only_the_sections_it_lists(stage: str) -> None:
    listed = {str(param).split(".")[0] for param in pipeline()[stage]["params"]}
    source = ast.parse((ROOT / "yue" / "stages" / f"{stage}.py").read_text())
    read = {
        node.attr
        for node in ast.walk(source)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "recipe"
    }
    assert read - HOW_TO_RUN <= listed, f"{stage} reads {sorted(read - listed - HOW_TO_RUN)}"
    assert not listed & HOW_TO_RUN, "how to run is never a cache key"
