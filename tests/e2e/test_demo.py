"""The whole road: the demo recipe in a real DVC project, and what reruns when something changes.

The tests share one project and leave params.yaml as they found it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.conftest import Project, ran_stages
from yue.tokens.vocabulary import ROWS

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("e2e"), pytest.mark.timeout(900)]

CHECKS = {"validate", "inputs"}
AFTER_TRAIN = ["train", "evaluate", "generate", "report"]
# Enough to see which stages run.
SHORT = {
    "train__max_steps": 2,
    "evaluate__max_songs": 1,
    "generate__prompts": 1,
    "generate__max_sections": 1,
}


@pytest.fixture
def project(demo: Project) -> Iterator[Project]:
    """The demo project; params.yaml is put back afterwards."""
    yield demo
    demo.run("git", "checkout", "-q", "params.yaml")


def metrics(project: Project, name: str) -> dict[str, object]:
    return json.loads((project.root / "metrics" / f"{name}.json").read_text())


def test_the_adapter_beats_the_base_on_both_tracks(project: Project) -> None:
    scores = metrics(project, "eval")
    for track in ("vocal", "instrumental"):
        base, tuned = scores["base"][track]["loss"], scores["tuned"][track]["loss"]
        assert tuned < 0.9 * base, f"{track}: base {base:.3f}, tuned {tuned:.3f}"
        assert scores["tuned"][track]["high"] < scores["base"][track]["low"]
        assert scores["change"][track]["high"] < 0


def test_the_base_knows_what_all_songs_have_in_common(project: Project) -> None:
    base = metrics(project, "eval")["base"]
    for track in ("vocal", "instrumental"):
        assert base[track]["loss"] < 0.5 * np.log(ROWS), "an untrained model's is log(ROWS)"


def test_samples_are_closer_to_held_out_songs_than_those_of_the_base(project: Project) -> None:
    found = metrics(project, "samples")
    assert found["closer"]["tuned"] > found["closer"]["base"]
    for track in ("vocal", "instrumental"):
        for name in ("divergence", "pair_divergence"):
            floor, base, tuned = (
                found[model][track][name] for model in ("roundtrip", "base", "tuned")
            )
            assert floor < tuned < base
    page = (project.root / "report.html").read_text()
    assert f"In {found['closer']['tuned']} of {sum(found['closer'].values())} numbers" in page


def test_plain_peft_loads_the_adapter(project: Project) -> None:
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    base = transformers.AutoModelForCausalLM.from_pretrained(project.root / "demo/work/base")
    model = peft.PeftModel.from_pretrained(base, str(project.root / "work/adapter"))
    assert model.peft_config["default"].r == 8


def test_the_songs_can_be_heard(project: Project) -> None:
    samples = json.loads((project.root / "work/samples/samples.json").read_text())
    songs = samples["samples"] if isinstance(samples, dict) else samples
    tuned = [song for song in songs if song["model"] == "tuned"]
    assert tuned
    for song in tuned:
        assert set(song["files"]) == {"vocal", "instrumental", "mix"}
        for name in song["files"].values():
            audio, rate = soundfile.read(project.root / "work/samples" / name, dtype="float32")
            assert len(audio) / rate >= 5, name
            assert np.sqrt(np.mean(audio**2)) > 1e-3, f"{name} is silent"
            assert np.max(np.abs(audio)) < 1.0, f"{name} is clipped"


def test_the_report_needs_no_network(project: Project) -> None:
    page = (project.root / "report.html").read_text()
    assert "<audio" in page
    for attribute in ('src="http', "src='http", 'href="http', "@import", "url(http"):
        assert attribute not in page


def test_nothing_runs_twice(project: Project) -> None:
    assert project.repro() == []


def test_workers_never_rerun_anything(project: Project) -> None:
    project.edit_params(runtime__workers=1)
    assert project.repro() == []


def test_a_codec_key_reruns_tokenize_and_what_follows(project: Project) -> None:
    project.edit_params(codec__codebooks=4)
    ran = ran_stages(project.run("dvc", "repro", "--dry").stdout)
    assert "tokenize" in ran
    assert not {"convert", "separate"} & set(ran)


def test_one_touched_song_is_one_songs_work(project: Project) -> None:
    songs = project.root / "demo/work/songs"
    path = sorted(songs.rglob("*.wav"))[0]
    before = path.read_bytes()
    audio, rate = soundfile.read(path, dtype="float32")
    path.unlink()  # a new inode: the old one is DVC's cached copy
    soundfile.write(path, audio * 0.9, rate)
    try:
        for stage in ("convert", "tokenize"):
            output = project.run("python", "-m", "yue", stage).stdout
            assert ", 1 " in output.replace("(", ", "), output
    finally:
        path.unlink()
        path.write_bytes(before)
        for stage in ("convert", "separate", "tokenize"):
            project.run("python", "-m", "yue", stage)
    assert project.repro() == []


def test_an_experiment_reruns_training_and_what_follows(project: Project) -> None:
    asked = (project.root / "params.yaml").read_text()
    project.edit_params(**SHORT)
    project.run("git", "commit", "-qam", "short")
    done = project.run("dvc", "exp", "run", "-S", "lora.r=16", "-n", "rank-16")
    assert set(ran_stages(done.stdout)) - CHECKS == set(AFTER_TRAIN)
    config = json.loads((project.root / "work/adapter/adapter_config.json").read_text())
    assert config["r"] == 16
    changed = project.run("git", "diff", "--numstat", "params.yaml").stdout
    assert changed.split()[:2] == ["1", "1"]
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    assert "rank-16" in json.dumps(shown)
    assert "tuned" in json.dumps(shown)
    (project.root / "params.yaml").write_text(asked)
    project.run("git", "commit", "-qam", "whole")
    # The first run's results come back from DVC's run cache; only the checks run again.
    assert set(project.repro()) <= CHECKS


def test_a_wrong_override_is_refused_and_leaves_no_trace(project: Project) -> None:
    """One is enough here: tests/recipe has a case for each kind of fault."""
    before = (project.root / "params.yaml").read_bytes()
    done = project.run("dvc", "exp", "run", "-S", "+lora.rank=8", check=False)
    assert done.returncode != 0
    assert "Running stage 'train'" not in done.stdout
    for word in ("params.yaml:", "rank", "did you mean", "'r'"):
        assert word in done.stdout
    assert (project.root / "params.yaml").read_bytes() == before
    assert project.repro() == []


def test_a_number_without_a_dot_is_a_number(project: Project) -> None:
    text = (project.root / "params.yaml").read_text()
    lines = ["  lr: 1e-5" if line.startswith("  lr:") else line for line in text.splitlines()]
    (project.root / "params.yaml").write_text("\n".join(lines) + "\n")
    project.run("python", "-m", "yue", "validate")


def test_a_grid_runs_from_the_queue_with_the_code_it_was_queued_with(project: Project) -> None:
    changes = ["lora.r=4,6", *(f"{key.replace('__', '.')}={value}" for key, value in SHORT.items())]
    asked = [word for change in changes for word in ("-S", change)]
    project.run("dvc", "exp", "run", *asked, "--queue")
    # The workspace changes meanwhile: a queued experiment must not see this.
    stage = project.root / "yue" / "stages" / "train.py"
    code = stage.read_text()
    stage.write_text("raise SystemExit('the workspace changed')\n")
    try:
        project.run("dvc", "queue", "start", "-j", "2")
        deadline = time.monotonic() + 500
        while time.monotonic() < deadline:
            status = project.run("dvc", "queue", "status").stdout
            if "Queued" not in status and "Running" not in status:
                break
            time.sleep(3)
    finally:
        stage.write_text(code)
    assert status.count("Success") == 2, status + failure_logs(project)
    shown = project.run("dvc", "exp", "show", "--json").stdout
    assert json.loads(shown)


def failure_logs(project: Project) -> str:
    return "\n".join(
        log.read_text(errors="replace")[-2000:]
        for log in Path(project.root / ".dvc/tmp/exps/run").rglob("*.out")
    )
