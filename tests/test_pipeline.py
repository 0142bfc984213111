"""dvc.yaml says the truth: each stage depends on the code it runs and the sections it reads."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from yue.cli import STAGES
from yue.inputs.named import WATCHED
from yue.project.template import NOTES

ROOT = Path(__file__).resolve().parent.parent

# Imported by every stage, and deliberately in no cache key: they decide how a stage is started,
# how errors read and how files reach the disk, never what is in them.
SHARED = {
    "yue/__init__.py",
    "yue/digests.py",
    "yue/errors.py",
    "yue/files.py",
    "yue/paths.py",
    "yue/progress.py",
    "yue/store.py",
    "yue/temporary.py",
    "yue/wording.py",
    "yue/workers.py",
    "yue/stages/__init__.py",
    "yue/recipe",
}
# Sections that say only how to run.
HOW_TO_RUN = {"runtime", "launch", "logging"}


def pipeline() -> dict[str, dict[str, object]]:
    return YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]


def module_file(name: str) -> Path | None:
    path = ROOT / Path(*name.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    file = path.with_suffix(".py")
    return file if file.is_file() else None


def imported_modules(file: Path) -> set[str]:
    """Names of yue modules that a file imports anywhere, functions included."""
    found = set()
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            base = node.module or package
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "yue" and module_file(name)}


def closure(start: Path) -> set[str]:
    """Files of yue/ that a stage's module can import, relative to the root."""
    seen: set[Path] = set()
    todo = [start]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        relative = file.relative_to(ROOT).as_posix()
        if any(relative == shared or relative.startswith(f"{shared}/") for shared in SHARED):
            continue
        todo += [module for name in imported_modules(file) if (module := module_file(name))]
    return {file.relative_to(ROOT).as_posix() for file in seen}


def is_covered(file: str, deps: set[str]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


def test_stages_are_the_verbs_of_the_command_in_the_same_order() -> None:
    assert list(pipeline()) == list(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_it_imports(stage: str) -> None:
    deps = {str(dep) for dep in pipeline()[stage]["deps"]}
    files = closure(ROOT / "yue" / "stages" / f"{stage}.py")
    missing = sorted(f for f in files if not is_covered(f, deps | SHARED))
    assert not missing, f"dvc.yaml: stage {stage} lacks deps for {missing}"


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
