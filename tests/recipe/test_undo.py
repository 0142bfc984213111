"""A refused `dvc exp run -S` leaves params.yaml as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from tests.recipe.conftest import ROOT
from yue.cli import main
from yue.recipe.read import read_recipe


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo as the active recipe, committed, in an experiment of DVC's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_EXP_NAME", "test")
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", "start"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return path


@pytest.mark.parametrize(
    "overrides",
    [
        ["lora.r=abc"],
        ["+lora.rank=8"],
        ["train.lr=.nan"],
        ["train.batch_size=3"],
        ["train.micro_batch_size=3"],
        ["train.loss_on=[vocal,vokal]"],
        ["codec.name=dac44k"],
        ["lora=5"],
        ["lora.r=abc", "train.lr=-1", "+zzz=1"],
    ],
    ids=" ".join,
)
def test_a_refused_override_leaves_no_trace(
    params: Path, capsys: pytest.CaptureFixture[str], overrides: list[str]
) -> None:
    before = params.read_bytes()
    apply_overrides(params, overrides)
    assert params.read_bytes() != before
    assert main(["validate"]) == 2
    assert "params.yaml:" in capsys.readouterr().err
    assert params.read_bytes() == before
    assert (params.parent / "work" / "recipe.ok").is_file()


@pytest.mark.parametrize("name", ["lora.alpha", "launch"])
def test_an_override_that_removes_a_key_leaves_its_default(params: Path, name: str) -> None:
    apply_overrides(params, [f"~{name}"])
    assert main(["validate"]) == 0
    assert f"  {name.split('.')[-1]}:" not in params.read_text()


def test_other_edits_stay(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params.write_text(params.read_text().replace("  alpha: 16 ", "  alpha: 32 "))
    before = params.read_bytes()
    apply_overrides(params, ["lora.r=abc"])
    assert main(["validate"]) == 2
    assert "params.yaml has its earlier value again for lora.r" in capsys.readouterr().err
    assert params.read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["train.batch_size=5"], "train.batch_size"),  # the fault is told at micro_batch_size
        (["+lora.rank=8", "train.lr=-1"], "lora.rank, train.lr"),
        (["lora=5"], "lora"),
    ],
    ids=str,
)
def test_the_keys_that_were_given_back_are_named(
    params: Path, capsys: pytest.CaptureFixture[str], overrides: list[str], keys: str
) -> None:
    apply_overrides(params, overrides)
    assert main(["validate"]) == 2
    assert f"has its earlier value again for {keys}\n" in capsys.readouterr().err


def test_the_last_run_s_value_comes_back_and_not_the_committed_one(params: Path) -> None:
    apply_overrides(params, ["lora.r=16"])
    before = params.read_bytes()
    values = YAML(typ="safe").load(before)
    lock = {"stages": {"validate": {"params": {"params.yaml": {"lora": values["lora"]}}}}}
    YAML().dump(lock, params.parent / "dvc.lock")
    apply_overrides(params, ["lora.r=abc"])
    assert main(["validate"]) == 2
    assert params.read_bytes() == before


def test_edits_outside_an_experiment_are_the_user_s(
    params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_EXP_NAME")
    apply_overrides(params, ["lora.r=abc"])
    before = params.read_bytes()
    assert main(["validate"]) == 2
    assert params.read_bytes() == before
    assert not (params.parent / "work").exists()


def test_what_git_cannot_mend_stays(params: Path) -> None:
    params.write_text(params.read_text().replace("  alpha: 16 ", "  alpha: 16\n  alpha: 8 "))
    before = params.read_bytes()
    assert main(["validate"]) == 2
    assert params.read_bytes() == before


@pytest.mark.parametrize("first", [16, 8], ids=["committed first", "committed last"])
def test_a_duplicate_key_is_a_person_s_and_stays_with_the_override(
    params: Path, capsys: pytest.CaptureFixture[str], first: int
) -> None:
    """Even where git has a value for every faulty key."""
    text = f"  alpha: {first}\n  alpha: {24 - first} "
    params.write_text(params.read_text().replace("  alpha: 16 ", text))
    params.write_text(params.read_text().replace("  r: 8 ", "  r: abc "))
    before = params.read_bytes()
    assert main(["validate"]) == 2
    err = capsys.readouterr().err
    assert "params.yaml: 2 faults" in err
    assert "earlier value" not in err
    assert params.read_bytes() == before


def test_an_input_that_is_not_there_is_no_override(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (params.parent / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    apply_overrides(params, ["lora.r=16"])
    assert main(["validate"]) == 2
    err = capsys.readouterr().err
    assert "data.songs_dir: demo/work/songs does not exist" in err
    assert "earlier value" not in err
    assert read_recipe(params).lora.r == 16


def test_without_git_nothing_is_touched(params: Path) -> None:
    subprocess.run(["rm", "-rf", ".git"], cwd=params.parent, check=True)
    apply_overrides(params, ["lora.r=abc"])
    before = params.read_bytes()
    assert main(["validate"]) == 2
    assert params.read_bytes() == before


def test_git_takes_an_experiment_s_values_back(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = params.read_bytes()
    apply_overrides(params, ["lora.r=16"])
    other = str(ROOT / "recipes" / "own-songs.yaml")
    assert main(["use", other]) == 2
    assert "fix: go back to the committed one (git restore params.yaml), " in (
        capsys.readouterr().err
    )
    subprocess.run(["git", "restore", "params.yaml"], cwd=params.parent, check=True)
    assert params.read_bytes() == before
    assert main(["use", other]) == 0


def test_a_good_override_stays(params: Path) -> None:
    apply_overrides(params, ["lora.r=16"])
    assert main(["validate"]) == 0
    assert read_recipe(params).lora.r == 16
