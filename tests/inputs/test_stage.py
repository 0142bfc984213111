"""Stage ``inputs``, as DVC runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from yue.cli import main
from yue.inputs.experiment import MARKER


def run_inputs(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yue", "inputs"],
        cwd=project,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    project = tmp_path / "p"
    assert main(["init", str(project), "--recipe", "yue-s1-lora"]) == 0
    codec, base = "models/xcodec_mini_infer", "models/YuE-s1-7B-anneal-en-cot"
    (project / codec / "final_ckpt").mkdir(parents=True)
    (project / codec / "final_ckpt" / "config.yaml").write_text("a: 1\n")
    done = run_inputs(project)
    assert done.returncode == 1
    checkpoint = "final_ckpt/ckpt_00360000.pth"
    assert f"yue inputs: codec.path: {codec} lacks {checkpoint}, and cannot" in done.stderr
    files = "config.json, *.safetensors, tokenizer.model"
    assert f"fix: put {checkpoint} into {codec}, {files} into {base} and run" in done.stderr
    assert not (project / "work" / "inputs.ok").exists()

    (project / codec / checkpoint).write_text("w")
    (project / base).mkdir()
    for name in ("config.json", "model.safetensors"):
        (project / base / name).write_text("{}")
    done = run_inputs(project)
    assert f"tokens.tokenizer: {base} lacks tokenizer.model, and cannot fetch" in done.stderr
    (project / base / "tokenizer.model").write_text("t")
    assert run_inputs(project).returncode == 0
    assert (project / MARKER).is_file(), "git ignores the songs of such a project"
