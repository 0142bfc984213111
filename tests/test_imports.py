"""What decides data or bytes is found from the imports; what does not is listed with its reason."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import yue
from yue.checkpoints.identity import Identity, code_digests
from yue.harmless import HARMLESS, Harmless
from yue.imports import Imports
from yue.recipe.differences import sections_of
from yue.recipe.read import default_recipe
from yue.training.plan import PROGRAMS

PACKAGE = Path(yue.__file__).resolve().parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package."""
    ignored = shutil.ignore_patterns("__pycache__", "_yue_native*")
    return Path(shutil.copytree(PACKAGE, tmp_path / "yue", ignore=ignored))


def run_of(code: dict[str, str]) -> Identity:
    return Identity(sections_of(default_recipe()), "data", "base", code, {})


def write(package: Path, **files: str) -> None:
    for name, text in files.items():
        path = package / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_every_way_to_import_is_followed(tmp_path: Path) -> None:
    package = tmp_path / "yue"
    write(
        package,
        room__start="import yue.room.one\nfrom yue.room import two\nfrom yue.room.three import f\n",
        room__one="def g():\n    from yue.room.four import h\n",
        room__two="import importlib\nimportlib.import_module('yue.other.five')\n",
        room__three="from .six import x\n",
        room__four="MODULES = {'a': 'yue.other.seven'}\n",
        room__six="import importlib\nimportlib.import_module(f'yue.many.{1}')\n",
        room__not_used="",
        other__five="", other__seven="", other__eight="",
        many__nine="from yue.room import start\n", many__ten="TEXT = 'words.txt'\nC = '*.c'\n",
    )  # fmt: skip
    for name in ("words.txt", "a.c", "_made.c", "other.txt"):
        (package / "many" / name).write_text(name)
    (package / "many" / "words.txt").write_text('include "deeper.txt"')
    (package / "many" / "deeper.txt").touch()
    (package / "many" / "__init__.py").write_text('"""Words alone."""\n')
    (package / "other" / "__init__.py").write_text("import os\n")
    assert Imports(package, {}).closure(["yue.room.start"]) == [
        "yue/many/a.c", "yue/many/deeper.txt", "yue/many/nine.py", "yue/many/ten.py",
        "yue/many/words.txt",
        "yue/other/__init__.py", "yue/other/five.py", "yue/other/seven.py", "yue/room/four.py",
        "yue/room/one.py", "yue/room/six.py", "yue/room/start.py", "yue/room/three.py",
        "yue/room/two.py",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"no module yue\.room\.none"):
        Imports(package).closure(["yue.room.none"])


def test_a_listed_module_is_followed_once_another_name_of_it_is_used(tmp_path: Path) -> None:
    package = tmp_path / "yue"
    write(package, a="from yue.b import show\n", b="from yue.c import x\n", c="")
    listed = {"yue/b.py": Harmless("shows", names=("show",), users=("yue/a.py",))}
    assert Imports(package, listed).closure(["yue.a"]) == ["yue/a.py"]
    write(package, a="from yue.b import show, decide\n")
    assert Imports(package, listed).closure(["yue.a"]) == ["yue/a.py", "yue/b.py", "yue/c.py"]
    write(package, a="import yue.b\n")  # whatever of it may be used
    assert "yue/b.py" in Imports(package, listed).closure(["yue.a"])
    write(package, a="", d="from yue.b import show\n")  # another user
    assert "yue/b.py" in Imports(package, listed).closure(["yue.d"])


def test_a_byte_of_any_file_that_decides_changes_what_identifies_a_run(package: Path) -> None:
    before = code_digests(PROGRAMS, package)
    assert before == code_digests(PROGRAMS)
    for file in before:
        path = package.parent / file
        path.write_bytes(path.read_bytes() + b"\n")
    after = code_digests(PROGRAMS, package)
    assert after.keys() == before.keys()
    assert [file for file in before if after[file] == before[file]] == []
    assert run_of(after).fingerprint != run_of(before).fingerprint


def test_a_byte_of_any_other_file_changes_it_not(package: Path) -> None:
    before = code_digests(PROGRAMS, package)
    others = [
        path
        for path in package.rglob("*")
        if path.is_file() and path.relative_to(package.parent).as_posix() not in before
    ]
    assert {package.parent / file for file in HARMLESS if file not in before} <= set(others)
    for path in others:
        path.write_bytes(path.read_bytes() + b"\n")
    assert code_digests(PROGRAMS, package) == before


def test_what_mixes_reads_and_computes_is_part_of_it() -> None:
    files = set(code_digests(PROGRAMS))
    native = {f"yue/native/{path.name}" for path in (PACKAGE / "native").glob("[!_]*.[ch]")}
    assert len(native) > 10
    assert native <= files
    for file in ("recipe/mixing.py", "native/document_gather.py", "dataset/dataset_mix.py",
                 "dataset/open_datasets.py",
                 "tokens/vocabulary.py", "lm/loss.py", "training/loop.py"):  # fmt: skip
        assert f"yue/{file}" in files
    assert "yue/recipe/model.py" not in files  # or a new key of any section would change it


def test_listed_modules_are_there_and_have_the_names_that_may_be_used() -> None:
    for file, harmless in HARMLESS.items():
        tree = ast.parse((PACKAGE.parent / file).read_text())
        named = (ast.FunctionDef, ast.ClassDef)
        there = {node.name for node in tree.body if isinstance(node, named)}
        assert set(harmless.names) <= there, file
        assert harmless.why


def test_the_recipes_types_have_no_function() -> None:
    """So a default or a rule that decides something cannot hide in a listed module."""
    tree = ast.parse((PACKAGE / "recipe" / "model.py").read_text())
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Assign)
    assert not [node for node in ast.walk(tree) if isinstance(node, inner)]
    fields = [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign)]
    assert not [node for node in fields if node.value is not None]


def test_every_file_of_data_is_named_by_a_module() -> None:
    """Else no closure would find it."""
    files = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith("_yue_native")
    }
    imports = Imports()
    used = {use.module for file in files for use in imports.uses(file)}
    data = {file for file in files if not file.endswith(".py")}
    assert data - used == {"yue/py.typed", "yue/project/gitignore"}  # the latter of `yue init`


@pytest.mark.parametrize("module", ["yue.stages.mmap", "yue.stages.songs", *PROGRAMS])
def test_no_module_is_loaded_that_the_text_does_not_name(module: str) -> None:
    words = f"import sys, {module}; print(*(n for n in sys.modules if n.split('.')[0] == 'yue'))"
    output = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=True
    ).stdout
    imports = Imports(harmless={})
    known = set(imports.closure([module]))
    for name in output.split():
        file = imports.file_of(name)
        if file is not None and Path(PACKAGE.parent / file).name != "__init__.py":
            assert file in known, name
