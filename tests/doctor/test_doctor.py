"""`yue doctor`: what it finds, and that each fault comes with a command."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path

import pytest

from yue.cli import main
from yue.doctor import machine_checks
from yue.doctor.machine_checks import Finding
from yue.doctor.project_checks import _check_disk, check_project
from yue.recipe.read import read_recipe

ROOT = Path(__file__).resolve().parents[2]


def test_this_environment_is_sound(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    states = {finding["name"]: finding["state"] for finding in findings}
    for name in ("Python", "torch and torchaudio", "packages", "native library"):
        assert states[name] == "ok"
    assert states["project"] == "warning"
    assert all(finding["fix"] for finding in findings if finding["state"] != "ok")


def test_torch_and_torchaudio_must_be_a_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.13.0+cpu", "torchaudio": "2.11.0"}
    monkeypatch.setattr(machine_checks, "_version", lambda name: versions.get(name))
    found = machine_checks._check_torch()
    assert found.state == "failure"
    assert "2.13.0" in found.found
    assert "torchaudio==2.11.0" in found.fix


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str | None:
        return None if name == "peft" else metadata.version(name)

    monkeypatch.setattr(machine_checks, "_version", version)
    found = machine_checks._check_packages()
    assert (found.state, found.found) == ("failure", "missing: peft")
    assert "peft" in found.fix


def test_little_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage:
        free = 1 << 30

    monkeypatch.setattr(machine_checks.shutil, "disk_usage", lambda _: Usage)
    assert machine_checks._check_disk(tmp_path).state == "warning"


def by_name(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_a_project_is_looked_through(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "p")]) == 0
    project = tmp_path / "p"
    (project / "songs").rmdir()
    findings = check_project(project)
    assert by_name(findings, "DVC repository").state == "ok"
    assert by_name(findings, "recipe").state == "ok"
    assert "songs does not exist" in by_name(findings, "input").found
    (project / "code.yaml").write_text("train: old\n")
    assert by_name(check_project(project), "pipeline").fix == "yue init . --update"
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  stage2: ", "  stage2: recipes"))
    assert by_name(check_project(project), "samples").state == "warning"
    params.write_text(params.read_text().replace("  r: 8 ", "  r: many "))
    found = by_name(check_project(project), "recipe")
    assert found.state == "failure"
    assert "params.yaml" in found.found


def test_a_half_copied_model_is_a_finding_among_others(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "p"), "--recipe", "yue-s1-lora"]) == 0
    base = tmp_path / "p" / "models" / "YuE-s1-7B-anneal-en-cot"
    base.mkdir(parents=True)
    (base / "config.json").write_text("{}")
    findings = check_project(tmp_path / "p")
    found = by_name(findings, "base model")
    assert found.state == "failure"
    assert "model type None" in found.found
    assert found.fix
    assert "xcodec_mini_infer lacks" in by_name(findings, "weights").found


def test_checkpoints_must_fit_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Usage:
        free = 3 * 10**9

    recipe = read_recipe(ROOT / "recipes" / "yue-s1-24gb.yaml")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    (found,) = _check_disk(recipe, tmp_path)
    assert (found.name, found.state) == ("disk for training", "failure")
    assert "3 GB are free" in found.found
    Usage.free = 10**11
    assert _check_disk(recipe, tmp_path)[0].state == "ok"


def test_a_failure_ends_with_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = [Finding("launcher", "failure", "gone", "pip install deepspeed")]
    monkeypatch.setattr("yue.doctor.machine_checks.check_machine", lambda _: broken)
    assert main(["doctor"]) == 1
    text = capsys.readouterr()
    assert "[FAIL] launcher: gone\n       fix: pip install deepspeed" in text.out
    assert "1 of" in text.err
