"""Charts that are right about their numbers and are valid XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from yue.report.charts import Gap, Line, gap_chart, line_chart, ticks

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=50)
@given(numbers, st.floats(1e-3, 1e6))
def test_ticks_lie_within_the_range_and_are_evenly_spaced(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 2 <= len(found) <= 12
    slack = 1e-6 * (span + abs(low))
    assert found[0] >= low - slack
    assert found[-1] <= low + span + slack
    steps = {round((b - a) / span, 6) for a, b in pairwise(found)}
    assert len(steps) == 1


@settings(max_examples=40)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40), st.text(max_size=20))
def test_any_line_makes_well_formed_svg_inside_the_picture(
    points: list[tuple[float, float]], title: str
) -> None:
    safe = "".join(c for c in title if c.isprintable())
    chart = line_chart([Line("a", tuple(points), "all")], title=safe, x_label="x", y_label="<y>")
    root = ElementTree.fromstring(chart)
    assert (root.find("figcaption").text or "") == safe
    assert root.find("svg").attrib["aria-label"] == safe
    for circle in root.iter("circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 640
        assert 0 <= float(circle.attrib["cy"]) <= 260


def test_a_chart_of_nothing_is_nothing() -> None:
    assert line_chart([], title="t", x_label="x", y_label="y") == ""


def test_a_higher_value_is_drawn_higher() -> None:
    chart = line_chart([Line("a", ((0, 1), (1, 2)), "all")], title="", x_label="", y_label="")
    first, second = ElementTree.fromstring(chart).iter("circle")
    assert float(second.attrib["cy"]) < float(first.attrib["cy"])
    assert float(second.attrib["cx"]) > float(first.attrib["cx"])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.text(max_size=30), numbers, numbers), min_size=1, max_size=20))
def test_gaps_are_drawn_from_before_to_after(rows: list[tuple[str, float, float]]) -> None:
    gaps = [Gap("".join(c for c in n if c.isprintable()), a, b) for n, a, b in rows]
    root = ElementTree.fromstring(gap_chart(gaps, title="t", x_label="x", style="vocal"))
    for gap, group in zip(gaps, root.iter("g"), strict=True):
        before, after = (float(circle.attrib["cx"]) for circle in group.iter("circle"))
        assert 150 <= min(before, after) <= max(before, after) <= 640
        assert (before > after) <= (gap.before > gap.after)


def texts(chart: str, kind: str) -> list[str]:
    found = ElementTree.fromstring(chart).iter("text")
    return [text.text or "" for text in found if text.attrib["class"] == kind]


def test_ticks_are_told_in_few_characters() -> None:
    points = ((0.0, 0.0), (40_000.0, 2e-4))
    chart = line_chart([Line("a", points, "all")], title="", x_label="", y_label="")
    assert texts(chart, "y") == ["0", "5e-5", "1e-4", "1.5e-4", "2e-4"]
    assert texts(chart, "x")[:4] == ["0", "5000", "10k", "15k"]


def test_long_names_keep_both_ends() -> None:
    gaps = [Gap(f"a song of a long name, take {take}", 4, 3) for take in (1, 2)]
    chart = gap_chart(gaps, title="", x_label="", style="vocal")
    assert texts(chart, "y") == ["a song o…e, take 1", "a song o…e, take 2"]
