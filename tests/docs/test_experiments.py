"""Commands over experiments, as the pages have them: a failed one shows as failed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.test_docs import PAGES, ROOT

# A project of one stage, whose loss is 1 / lora.r; rank 4 fails.
_STAGE = """
import json, pathlib, re
rank = int(re.search(r"r: (\\d+)", pathlib.Path("params.yaml").read_text())[1])
if rank == 4:
    raise SystemExit("no rank 4")
tracks = {track: {"loss": 1 / rank} for track in ("vocal", "instrumental")}
pathlib.Path("eval.json").write_text(json.dumps({"tuned": tracks}))
"""
_PIPELINE = """
stages:
  evaluate:
    cmd: python stage.py
    deps: [stage.py]
    params: [lora]
    metrics: [eval.json: {cache: false}]
"""


def shows() -> list[tuple[str, str]]:
    """Every ``dvc exp show`` of the pages and of the code, with its place."""
    sources = [*PAGES, *(ROOT / "yue").rglob("*.py")]
    found = []
    for file in sources:
        for line in file.read_text(encoding="utf-8").splitlines():
            for command in re.findall(r"dvc exp show[^`#]*", line):
                found.append((file.relative_to(ROOT).as_posix(), command.strip()))
    return found


def test_every_table_of_chosen_columns_has_the_state() -> None:
    chosen = [(place, command) for place, command in shows() if "--drop" in command]
    assert {"README.md", "docs/experiments.md", "docs/tutorial.md"} <= {p for p, _ in chosen}
    for place, command in chosen:
        words = shlex.split(command)
        kept = words[words.index("--keep") + 1]
        assert kept.startswith("Exp|State|"), f"{place}: {command}"


def test_pages_name_no_command_that_prints_every_metric_as_a_column() -> None:
    for page in PAGES:
        blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        assert "dvc metrics show" not in "".join(blocks), page


def run(folder: Path, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "140",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository after README's grid, in which one experiment failed."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "stage.py").write_text(_STAGE)
    (folder / "dvc.yaml").write_text(_PIPELINE)
    (folder / "params.yaml").write_text("lora:\n  r: 8\n")
    run(folder, "git init -q && git config user.name a && git config user.email a@b && dvc init -q")
    run(folder, "dvc repro -q && git add --all && git commit -qm first")
    (queue,) = {c for c in readme_lines() if c.startswith("dvc exp run") and "--queue" in c}
    (start,) = {c for c in readme_lines() if c.startswith("dvc queue start")}
    run(folder, queue.replace("4,8", "4,16"))
    run(folder, start)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = run(folder, "dvc queue status")
        if "Queued" not in status and "Running" not in status:
            return folder
        time.sleep(1)
    raise AssertionError(status)


def readme_lines() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [line.partition("  #")[0].strip() for line in text.splitlines()]


@pytest.mark.long
def test_the_readme_s_table_shows_a_failed_experiment_as_failed(grid: Path) -> None:
    (command,) = [line for line in readme_lines() if line.startswith("dvc exp show")]
    rows = [line.split() for line in run(grid, command).splitlines() if "─" not in line.strip()[:1]]
    head = next(row for row in rows if row[:1] == ["Experiment"])
    assert head == ["Experiment", "State", "tuned.vocal.loss", "tuned.instrumental.loss", "lora.r"]
    states = {row[-1]: row[-4] for row in rows if row and row[-1] in ("4", "16")}
    assert states == {"4": "Failed", "16": "Success"}


@pytest.mark.long
def test_yue_metrics_has_no_numbers_of_a_failed_experiment(grid: Path) -> None:
    lines = run(grid, "yue metrics").splitlines()
    table = {label: cells for label, *cells in (re.split(r"\s{2,}", line) for line in lines[:4])}
    places = {rank: place for place, rank in enumerate(table["lora.r"])}
    assert table["state"][places["4"]] == "failed"
    assert table["state"][places["16"]] == "done"
    found = json.loads(run(grid, "yue metrics --json"))
    by_rank = {one["params"]["lora.r"]: one for one in found}
    assert by_rank[4]["metrics"] == {}
    assert by_rank[16]["metrics"]["eval:tuned.vocal.loss"] == 1 / 16
    assert by_rank[8]["metrics"]["eval:tuned.vocal.loss"] == 1 / 8
