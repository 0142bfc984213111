"""The documentation: it builds, its links hold, its commands exist, its runnable blocks run."""

from __future__ import annotations

import errno
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from yue.cli import STAGES, TOOLS, build_parser, main
from yue.commands.schema import reference

ROOT = Path(__file__).resolve().parents[2]
GUIDES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *GUIDES, ROOT / "yue/project/README.md"])
_BLOCK = re.compile(r"^(<!-- run -->\n)?```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"`(yue [^`]+)`")


def commands(page: Path) -> list[str]:
    """Whole commands of yue on a page: lines of blocks, and words in backticks."""
    text = page.read_text(encoding="utf-8")
    lines = [
        line for _, block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").split("\n")
    ]
    cells = _CELL.findall(_BLOCK.sub("", text))
    found = [part.strip() for line in [*lines, *cells] for part in re.split(r"&&|;|\|", line)]
    return [command for command in found if command.startswith("yue ")]


def test_the_readme_s_own_project_is_made_from_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "yue"
    assert main(["init", str(checkout)]) == 0
    monkeypatch.chdir(checkout)
    (line,) = (line for line in commands(ROOT / "README.md") if line.startswith("yue init "))
    assert main(shlex.split(line)[1:]) == 0
    assert (tmp_path / "my-song-model" / "params.yaml").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_has_its_verb_and_flags(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True)[1:]
        verbs = [word for word in words if word in STAGES or word in TOOLS]
        if not verbs:  # "yue --help", or an ellipsis: "yue VERB"
            assert words[0].startswith("-") or words[0] in ("VERB", "..."), command
            continue
        known = build_parser(verbs[0])._subparsers
        flags = known._group_actions[0].choices[verbs[0]]._option_string_actions
        for word in words[words.index(verbs[0]) + 1 :]:
            if word.startswith("--"):
                assert word.partition("=")[0] in flags, f"{command}: no flag {word}"


_PATH = re.compile(r"`((?:\.ci|yue|tests|docs|schemas|benchmarks|recipes|models|demo)/[\w./*-]*)`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#([\w-]+))?\)")


@pytest.mark.parametrize("page", [*GUIDES, ROOT / "docs" / "architecture.md"], ids=lambda p: p.name)
def test_every_path_in_the_repository_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    made = (
        "X.py",
        "NAME",
        "ROOM",
        "demo/needed.yaml",
    )  # names to fill in, and what `yue use` makes
    named = [path for path in _PATH.findall(text) if not any(word in path for word in made)]
    assert len(named) >= 1
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    """Of the pages in ``docs``, mkdocs says so."""
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        assert (page.parent / target).exists(), target
        if anchor:
            heads = re.findall(
                r"^#+ (.*)$", (page.parent / target).read_text(encoding="utf-8"), re.M
            )
            assert anchor in {
                re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads
            }


def test_targets_of_the_makefile_that_guides_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in GUIDES:
        for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*) ?(?:`|#)", page.read_text("utf-8")):
            assert re.search(rf"^{target}:", makefile, re.M), f"{page.name}: make {target}"


def test_the_reference_is_the_schema() -> None:
    page = (ROOT / "docs" / "reference" / "recipe.md").read_text(encoding="utf-8")
    assert page == reference(), "yue schema --markdown > docs/reference/recipe.md"


def test_the_messages_of_troubleshooting_are_those_of_the_code() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "yue").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)  # a message of several lines
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`|]+)`", page, re.MULTILINE)
    assert len(rows) > 10
    parts = {part.strip() for row in rows for part in row.split("...")} - {""}
    assert {part for part in parts if part not in source} == {os.strerror(errno.ENOSPC)}


def runnable() -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for marked, block in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if marked
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "project"
    assert main(["init", str(folder), "--recipe", "demo"]) == 0
    return folder


@pytest.mark.parametrize(("page", "block"), runnable(), ids=lambda part: part.split("\n")[0])
def test_blocks_marked_to_run_run(project: Path, page: str, block: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=project,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{page}:\n{block}\n{done.stdout}{done.stderr}"


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'yue[dev]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert 'src="http' not in page  # readable offline
