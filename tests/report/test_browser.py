"""The page as a browser shows it: one browser for all tests of this file."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.report.browser import EXECUTABLE, Page, browser
from tests.report.conftest import make_results
from tests.report.test_page import render_results
from yue.files import write_text

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(EXECUTABLE is None, reason="no chromium"),
    pytest.mark.xdist_group("chromium"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    write_text(folder / "report.html", render_results(make_results(folder)))
    with browser(folder / "profile") as page:
        page.look(width=1200)
        page.open(folder / "report.html")
        yield page


def test_every_player_has_audio_of_the_stated_duration(shown: Page) -> None:
    found = shown.evaluate(
        """Promise.all(players.map((player) => new Promise((done) => {
          const audio = player.querySelector("audio");
          const told = (seconds) => done([Number(player.dataset.seconds), seconds]);
          audio.addEventListener("loadedmetadata", () => told(audio.duration));
          audio.addEventListener("error", () => told(-1));
          audio.load();
        })))"""
    )
    assert len(found) == 2 * 4 * 3
    for stated, duration in found:
        assert stated == 1.0
        assert duration == pytest.approx(stated, abs=0.1)  # MP3 comes in frames


def test_one_plays_at_a_time_and_a_click_into_the_picture_moves_it(shown: Page) -> None:
    found = shown.evaluate(
        """(async () => {
          const [first, second] = [...document.querySelectorAll(".player audio")];
          first.muted = second.muted = true;
          await first.play();
          const picture = second.parentElement.querySelector(".picture");
          const box = picture.getBoundingClientRect();
          picture.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width / 2 }));
          await new Promise((done) => second.addEventListener("seeked", done, { once: true }));
          const state = [first.paused, second.paused, second.currentTime];
          second.pause();
          return state;
        })()"""
    )
    assert found[:2] == [True, False]
    assert found[2] == pytest.approx(0.5, abs=0.15)


def test_plots_and_pictures_are_drawn(shown: Page) -> None:
    lines = shown.evaluate(
        """[...document.querySelectorAll(".chart .line, .wave path")].map((line) =>
          [line.getTotalLength(), line.getBoundingClientRect().width])"""
    )
    assert len(lines) == 3 * 2 + 3 + 24
    assert all(length > 10 and width > 10 for length, width in lines)
    sizes = shown.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(sizes) == 24
    assert min(sizes) > 100


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_sticks_out_and_colours_follow_light_and_dark(shown: Page, width: int) -> None:
    backs = []
    for dark in (False, True):
        shown.look(width=width, dark=dark)
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        cut = """[...document.querySelectorAll(".chart text")].filter((text) => {
          const [box, chart] = [text, text.closest("svg")].map((e) => e.getBoundingClientRect());
          return box.left < chart.left - 1 || box.right > chart.right + 1;
        }).map((text) => text.textContent)"""
        assert shown.evaluate(cut) == []
        backs.append(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backs == ["rgb(255, 255, 255)", "rgb(20, 20, 24)"]


def test_the_blind_test_works_by_keyboard_and_its_answers_tell_which_was_which(
    shown: Page,
) -> None:
    shown.evaluate("document.getElementById('tab-results').focus()")
    shown.press("ArrowRight")
    assert shown.evaluate("document.activeElement.id") == "tab-blind"
    assert shown.evaluate("document.getElementById('results').hidden")
    shown.evaluate("document.querySelector('#blind-trials input').focus()")
    shown.press(" ", " ")  # A, of the first trial
    shown.evaluate("URL.createObjectURL = (blob) => { window.kept = blob; return 'blob:kept'; }")
    shown.evaluate("document.getElementById('blind-reveal').focus()")
    shown.press("Enter", "\r")
    record = json.loads(shown.evaluate("kept.text()"))
    assert (record["seed"], record["recipe_digest"]) == (0, "abc")
    answers = record["answers"]
    assert len(answers) == 2 * 3
    assert answers[0]["choice"] == "A"
    assert answers[0]["preferred"] == answers[0]["A"]
    assert {answers[0]["A"], answers[0]["B"]} == {"base", "tuned"}
    assert record["totals"][answers[0]["A"]] == 1
    assert "not answered 5" in shown.evaluate("document.getElementById('blind-result').textContent")


def test_the_seed_alone_decides_the_order(shown: Page) -> None:
    orders = shown.evaluate("""[1, 1, 2].map((seed) => JSON.stringify(draw(blind.pairs, seed)))""")
    assert orders[0] == orders[1] != orders[2]
    sides = shown.evaluate(
        "[...Array(50).keys()].flatMap((seed) => draw(blind.pairs, seed).map((t) => t.A))"
    )
    assert 0.4 < sides.count("tuned") / len(sides) < 0.6


def test_nothing_was_said_and_nothing_was_asked_for(shown: Page) -> None:
    """Last: over all that the tests above did."""
    for kind in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
        assert shown.named(kind) == []
    urls = [request["request"]["url"] for request in shown.named("Network.requestWillBeSent")]
    outside = [url for url in urls if not url.startswith(("data:", "blob:"))]
    assert len(outside) == 1
    assert outside[0].endswith("report.html")
    refused = shown.evaluate("fetch('https://example.com').then(() => false, () => true)")
    assert refused  # the page's own policy
