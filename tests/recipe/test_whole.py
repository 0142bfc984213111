"""`yue use params.yaml` writes what is left out; `yue recipes NAME` says where values come from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.recipe.conftest import ROOT
from yue.cli import main
from yue.recipe.read import read_recipe
from yue.recipe.schema import keys

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the recipes and the active one in it, entered."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def yue(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb; its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        text = capsys.readouterr()
        return code, text.out, text.err

    return run


def test_use_gives_the_active_recipe_what_it_lacks(project: Path, yue: Run) -> None:
    params = project / "params.yaml"
    whole = params.read_text()
    start = whole.index("\n# How to launch training")
    text = whole[:start] + whole[whole.index("\n# Where to log") :]
    text = text.replace("  r: 8                               # rank\n", "")
    text = text.replace("  alpha: 16    ", "  alpha: 32    ")
    params.write_text(text)
    code, _, err = yue("validate")
    assert code == 0
    assert "note: params.yaml leaves out what takes its default: lora.r (8), " in err
    assert "launch.processes (0)" in err
    assert "and 2 more\n  fix: `yue use params.yaml` writes it there" in err
    code, out, _ = yue("use", "params.yaml")
    assert code == 0
    assert out.splitlines()[0].startswith("use: params.yaml got lora.r, launch.processes, ")
    assert params.read_text() == whole.replace("  alpha: 16    ", "  alpha: 32    ")
    assert "leaves out" not in yue("validate")[2]
    assert yue("use", "params.yaml")[1].startswith("use: params.yaml has every key\n")


def test_leaving_out_a_default_is_no_edit(project: Path, yue: Run) -> None:
    params = project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("  r: 8                               # rank\n", ""))
    assert "was edited" not in yue("validate")[2]
    assert yue("use", "own-songs")[0] == 0


def test_use_leaves_a_faulty_active_recipe_alone(project: Path, yue: Run) -> None:
    params = project / "params.yaml"
    text = params.read_text().replace("  r: 8 ", "  r: x ").replace("  alpha: 16 ", "  # ")
    params.write_text(text)
    code, _, err = yue("use", "params.yaml")
    assert (code, "lora.r: x: must be an integer" in err) == (2, True)
    assert params.read_text() == text


def test_a_header_of_an_earlier_version_still_says_whether_it_was_edited(
    project: Path, yue: Run
) -> None:
    """Its digest is of all values, those that are defaults too."""
    params = project / "params.yaml"
    old = "77de7a7f99cbe3a79fe5bc75a189f276c8ff4b335a1dad71151b8bf58cefe489"
    header, rest = params.read_text().split("sha256:", 1)
    params.write_text(f"{header}sha256:{old}{rest[64:]}")
    assert "was edited" not in yue("validate")[2]
    assert yue("use", "own-songs")[0] == 0


def test_one_recipe_in_full(project: Path, yue: Run) -> None:
    code, out, _ = yue("recipes", "yue-s1-24gb")
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert list(rows) == [key.dotted for key in keys()]
    lines = (project / "recipes" / "yue-s1-24gb.yaml").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.startswith("  r: 32 "))
    assert rows["lora.r"].split()[1:] == ["32", f"recipes/yue-s1-24gb.yaml:{line}"]
    assert rows["lora.dropout"].split()[1:] == ["0.0", "default"]
    assert rows["mix.datasets"].split()[1:] == ["[songs=1]", "default"]
    lines = (project / "recipes" / "yue-s1-lora.yaml").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.startswith("  compile: "))
    assert rows["train.compile"].endswith(f"  inherited from recipes/yue-s1-lora.yaml:{line}")
    assert yue("recipes", "recipes/yue-s1-24gb.yaml")[1] == out


def test_one_recipe_in_full_for_programs(project: Path, yue: Run) -> None:
    code, out, _ = yue("recipes", "own-songs", "--json")
    table = json.loads(out)
    assert (code, table["recipe"]) == (0, "recipes/own-songs.yaml")
    rows = {row["key"]: row for row in table["keys"]}
    assert rows["codec.codebooks"] == {
        "key": "codec.codebooks",
        "value": 8,
        "file": None,
        "line": None,
        "inherited": False,
    }
    assert rows["codec.name"]["file"] == "recipes/demo.yaml"
    assert rows["codec.name"]["inherited"]
    assert rows["train.max_steps"]["value"] is None
    recipe = read_recipe(project / "recipes" / "own-songs.yaml")
    assert rows["train.lr"]["value"] == recipe.train.lr


def test_a_faulty_or_missing_recipe_is_told(project: Path, yue: Run) -> None:
    code, _, err = yue("recipes", "dmeo")
    assert code == 2
    assert "recipes/dmeo.yaml: no such file\n  fix: did you mean 'demo.yaml'?" in err
    (project / "recipes" / "bad.yaml").write_text("extends: demo\nlora:\n  r: x\n")
    code, _, err = yue("recipes", "bad")
    assert (code, "recipes/bad.yaml:3:6: lora.r: x: must be" in err) == (2, True)
