"""The page works offline, shows everything, and lets nothing from the data become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.report.conftest import make_results, sample_metrics
from yue.files import write_json
from yue.generation.sample_records import read_samples, write_samples
from yue.paths import Paths
from yue.recipe.read import default_recipe
from yue.rejections import Rejected, Rejections, write_rejections
from yue.report.detail_tables import DocumentView, TokenRun
from yue.report.facts import read_facts
from yue.report.page import render

VIEW = DocumentView(
    "one",
    900,
    3,
    (TokenRun("text", "Generate <music>", 0, False), TokenRun("vocal", "17", 2, True)),
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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render_results(make_results(tmp_path_factory.mktemp("results")))


def render_results(results: Paths) -> str:
    recipe = default_recipe()
    recipe = replace(
        recipe,
        name="demo",
        description="A <demo>",
        lora=replace(recipe.lora, target_modules=("q_proj", "v_proj")),
        tokens=replace(recipe.tokens, layout="stage2"),
        generate=replace(recipe.generate, seed=0),
    )
    samples = read_samples(results.samples)
    facts = read_facts(results, sample_metrics())
    return render(facts, samples, results.samples, VIEW, recipe)


def test_it_is_whole_and_needs_nothing_from_outside(page: str) -> None:
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.references
    for reference in parser.references:
        assert reference.startswith(("data:", "#")), reference[:80]
    assert "http://" not in page
    assert "https://" not in page


def test_every_song_model_and_track_has_a_player(page: str) -> None:
    assert page.count("<audio") == 2 * 4 * 3
    for title in ("Recording", "Recording, through the codec", "Base model", "Tuned model"):
        assert page.count(f"<h4>{title}</h4>") == 2
    assert page.count('<svg class="wave') == page.count("data:image/png") == 2 * 4 * 3


def test_each_kind_of_curve_is_drawn(page: str) -> None:
    titles = re.findall(r'<svg class="chart".*?aria-label="(.*?)"', page)
    assert titles == [
        "Loss",
        "Loss of the vocal track",
        "Held-out loss by place in the song",
        "Held-out loss by section, the vocal track",
    ]
    assert page.count("dashed") >= 2  # the base model's lines


def test_intervals_floors_and_what_is_not_measured_are_told(page: str) -> None:
    assert "[3.80, 4.20]" in page
    assert "[2.80, 3.20]" in page
    assert "<small>[2.5, 17.5]</small>" in page  # silence of the samples, %
    assert re.search(r'class="good">0\.400<', page)  # the divergence of the tuned model
    assert "cp work/samples/*.tuned.mix.wav tuned/" in page
    for name in ("FAD", "CLAP score", "Lyrics WER"):
        assert f"<dt>{name}</dt>" in page


def test_without_songs_the_page_says_why(tmp_path: Path) -> None:
    results = make_results(tmp_path)
    write_samples(results.samples, [])
    page = render_results(results)
    assert "nothing is sung after tokens.layout stage2" in page
    assert 'id="likeness"' not in page
    assert "Held-out loss, tuned against base" in page
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page


def test_of_one_song_there_is_no_interval(tmp_path: Path) -> None:
    results = make_results(tmp_path)
    models = {
        name: {"vocal": {"loss": 3.0, "perplexity": 20.0, "top1": 0.1, "top5": 0.3, "tokens": 900}}
        for name in ("base", "tuned")
    }
    one = {"songs": 1, "change": {"vocal": {"loss": -1.0}}, "kl_to_base": {}}
    write_json(results.metrics / "eval.json", {**models, **one, "split": "valid", "held_out": True})
    page = render_results(results)
    assert "One song: no interval." in page
    assert "One song does not tell what other songs would: on 1 held-out song" in page
    assert "bootstrap over songs; that of the change" not in page


def test_lyrics_never_become_markup(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "Generate &lt;music&gt;" in page


def test_links_lead_to_sections(page: str) -> None:
    for target in re.findall(r'href="#(\w+)"', page):
        assert f'id="{target}"' in page


def test_the_data_card_has_the_one_share_and_every_entry(tmp_path: Path) -> None:
    results = make_results(tmp_path)
    lost = Rejections(8).after("songs", [Rejected("<b>.json", "not JSON", "mend it", "<b>")], ())
    write_rejections(results.rejected, lost)
    page = " ".join(render_results(results).split())
    assert "1 of 8 songs cannot be used (songs 1): 12.5%, where at most 20% may be." in page
    assert "<dt>what</dt><dd>&lt;b&gt;.json</dd>" in page
