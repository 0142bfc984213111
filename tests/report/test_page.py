"""The page works offline, shows everything, and lets nothing from the data become markup."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from yue.files import write_text
from yue.generation.records import read_samples
from yue.paths import Paths
from yue.report.facts import read_facts
from yue.report.page import render
from yue.report.tokens import DocumentView, Run

VIEW = DocumentView(
    "one", 900, 3, (Run("text", "Generate <music>", 0, False), Run("vocal", "17", 2, True))
)
VOID = {"meta", "img", "br", "link", "input"}


class Balance(HTMLParser):
    """Checks that every element is closed and keeps the outward references."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [v or "" for k, v in attrs if k in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag


@pytest.fixture
def page(results: Paths) -> str:
    recipe = {"name": "demo", "description": "A <demo>", "lora": {"r": 8, "target": ["q", "v"]}}
    samples = read_samples(results.samples)
    return render(read_facts(results), samples, results.samples, VIEW, recipe)


def test_it_is_whole_and_needs_nothing_from_outside(page: str) -> None:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.references
    for reference in parser.references:
        assert reference.startswith(("data:", "#")), reference[:80]
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_every_song_model_and_track_has_a_player(page: str) -> None:
    assert page.count("<audio") == 2 * 4 * 3
    for title in ("Recording", "Recording, through the codec", "Base model", "Tuned model"):
        assert page.count(f"<h4>{title}</h4>") == 2


def test_each_kind_of_curve_is_drawn(page: str) -> None:
    assert page.count('<svg class="chart"') == 3  # losses, per track, by position; no learning rate
    assert page.count("dashed") >= 1


def test_lyrics_never_become_markup(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "Generate &lt;music&gt;" in page


def test_links_lead_to_sections(page: str) -> None:
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page


@pytest.mark.slow
def test_a_browser_shows_it(page: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium")
    write_text(tmp_path / "report.html", page)
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/b",
         "--virtual-time-budget=2000", "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "The adapter learned" in done.stdout
    assert "Uncaught" not in done.stderr
