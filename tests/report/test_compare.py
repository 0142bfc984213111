"""Experiments side by side, from what DVC tells and from a cache that may lack some."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import sample
from yue.errors import YueError
from yue.generation.sample_records import write_samples
from yue.report import compare_page as compare_page
from yue.report.compare_page import compare, link_folder
from yue.report.experiment_tables import metric_columns
from yue.report.experiments import cache_folder, differing_keys, read_experiments, show_experiments


def cached(cache: Path, folder: Path) -> str:
    """Put a folder into a cache as DVC lays it out."""
    listed = []
    for number, path in enumerate(sorted(folder.iterdir())):
        digest = f"{abs(hash(path.read_bytes())) % 16**8:08x}{number:024x}"
        target = cache / "files" / "md5" / digest[:2] / digest[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        listed.append({"md5": digest, "relpath": path.name})
    digest = f"{abs(hash(str(folder))) % 16**8:08x}{'0' * 24}.dir"
    target = cache / "files" / "md5" / digest[:2] / digest[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(listed))
    return digest


def samples_of(tmp_path: Path, cache: Path, name: str, level: float) -> str:
    folder = tmp_path / name
    folder.mkdir()
    both = [sample("one", "base", folder), sample("one", "tuned", folder)]
    loud = folder / both[1].files["vocal"]
    loud.write_bytes(loud.read_bytes()[:-2] + bytes([round(level), 0]))  # no two tuned are the same
    write_samples(folder, [replace(s, codes=None) for s in both])
    return cached(cache, folder)


def row(name: str, rank: int, loss: float, samples: str | None) -> dict[str, Any]:
    metrics = {"tuned": {"vocal": {"loss": loss}}, "held_out": True, "split": "valid"}
    return {
        "rev": "0123456789",
        "name": name,
        "data": {
            "params": {"params.yaml": {"data": {"lora": {"r": rank, "alpha": 16}}}},
            "metrics": {"metrics/eval.json": {"data": metrics}},
            "outs": {"work/samples": {"hash": samples}} if samples else {},
        },
    }


@pytest.fixture
def shown(tmp_path: Path) -> list[dict[str, Any]]:
    cache = tmp_path / "cache"
    main = row("main", 8, 3.0, samples_of(tmp_path, cache, "a", 1))
    grid = [
        {"revs": [row("rank-4", 4, 3.2, samples_of(tmp_path, cache, "b", 2))], "executor": None},
        {"revs": [row("rank-16", 16, 2.8, "ab" * 16 + ".dir")], "executor": None},
        {
            "revs": [{"rev": "89abcdef0", "name": "<next>", "data": None}],
            "executor": {"state": "queued"},
        },
    ]
    return [{**main, "rev": "workspace", "name": None}, {**main, "experiments": grid}]


def test_experiments_are_read_and_the_workspace_is_not_told_twice(
    shown: list[dict[str, Any]],
) -> None:
    found = read_experiments(shown)
    assert [one.name for one in found] == ["main", "rank-4", "rank-16", "<next>"]
    assert found[1].metrics == {"eval:tuned.vocal.loss": 3.2}
    assert found[3].state == "queued"
    assert differing_keys(found) == ["lora.r"]
    shown[1]["experiments"][0]["executor"] = {"state": "running"}
    running = read_experiments(shown)[1]
    assert (running.state, running.metrics, running.samples) == ("running", {}, None)
    assert running.params["lora.r"] == 4
    shown[0] = {**shown[0], "data": {**shown[0]["data"], "metrics": {}}}
    assert read_experiments(shown)[0].name == "workspace"


def test_the_best_of_each_metric_is_marked(shown: list[dict[str, Any]]) -> None:
    (column,) = metric_columns(read_experiments(shown))
    assert column.cells == (("3.000", False), ("3.200", False), ("2.800", True), ("", False))


def test_the_page_plays_what_is_cached_and_says_what_is_not(
    shown: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_page, "project_experiments", lambda *_: read_experiments(shown))
    monkeypatch.setattr(compare_page, "cache_folder", lambda _: tmp_path / "cache")
    found = compare(tmp_path)
    assert set(found.missing) == {"rank-16", "<next>"}
    assert "dvc exp pull" in found.missing["rank-16"]
    titles = re.findall(r"<h4>(.*?)</h4>", found.page)
    assert titles == ["Base model", "main", "rank-4"]  # the base is the same in both: heard once
    assert found.page.count("<audio") == 3 * 3
    assert "&lt;next&gt;" in found.page
    assert "<next>" not in found.page
    for reference in re.findall(r'(?:src|href)="([^"]{1,9})', found.page):
        assert reference.startswith(("data:", "#"))


def test_a_listing_never_leads_out_of_the_cache_nor_of_the_folder(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "files" / "md5" / "ab").mkdir(parents=True)
    listing = cache / "files" / "md5" / "ab" / "cd.dir"
    for entry in (
        {"md5": "../../../../etc/passwd", "relpath": "a"},
        {"md5": "0" * 32, "relpath": "b"},
    ):
        listing.write_text(json.dumps([entry]))
        with pytest.raises(YueError, match="not on this machine"):
            link_folder(cache, "abcd.dir", tmp_path)
    listing.write_text(json.dumps([{"md5": "abcd.dir", "relpath": "../b"}]))
    link_folder(cache, "abcd.dir", tmp_path)
    assert not (tmp_path.parent / "b").exists()


@pytest.mark.long
def test_a_folder_that_is_no_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(YueError, match=r"`dvc exp show` failed: .*not inside of a DVC repository"):
        show_experiments(tmp_path)
    with pytest.raises(YueError, match=r"(?s)not a DVC project.*yue init"):
        cache_folder(tmp_path)


@pytest.mark.long
def test_without_git_the_way_to_experiments_is_said(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "dvc", "init", "-q", "--no-scm"]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(YueError, match=r"git init && dvc config --unset core\.no_scm"):
        show_experiments(tmp_path)
