"""Whatever is done to a recipe's text, a user sees faults with places, never a traceback."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.conftest import demo_lines
from yue.recipe.fault_text import RecipeFaultsError
from yue.recipe.model import Recipe
from yue.recipe.read import recipe_of
from yue.recipe.yaml_positions import parse_document

LINES = demo_lines()
SCALARS = st.one_of(
    st.sampled_from(
        ["", "null", "yes", ".nan", "1e999", "-1", "[]", "{}", "[a, [b]]", "'", '"', "&a x", "*a",
         "!!int x", "!!float", "0x_", "2001-99-99", "<<", "- a", "|", ">", "? a", "%", "@", "=",
         "1_000", "012", "1:30", "{a: {b: {c: 1}}}", "9" * 5000, "~", "\t", "#", "a: b", "\ufeff"]
    ),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=20),
)  # fmt: skip
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def faults_in(text: str) -> RecipeFaultsError | None:
    try:
        assert isinstance(recipe_of(parse_document(text, "params.yaml")), Recipe)
    except RecipeFaultsError as error:
        return error
    return None


def check(text: str) -> None:
    error = faults_in(text)
    if error is None:
        return
    assert error.faults
    lines = len(re.split(r"\r\n|[\r\n]", text))
    for fault in error.faults:
        assert 1 <= fault.place.line <= lines
        assert fault.place.column >= 1
        assert fault.rule
        assert f"params.yaml:{fault.place.line}:{fault.place.column}: " in str(error)


@FEW
@given(st.integers(0, len(LINES) - 1), SCALARS)
def test_any_value_at_any_key(place: int, value: str) -> None:
    lines = LINES.copy()
    lines[place] = lines[place].split(":")[0] + f": {value}"
    check("\n".join(lines))


@FEW
@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), SCALARS), min_size=1, max_size=5))
def test_lines_replaced_by_anything(changes: list[tuple[int, str]]) -> None:
    lines = LINES.copy()
    for place, text in changes:
        lines[place] = text
    check("\n".join(lines))


@FEW
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_lines_moved_lost_doubled_and_shifted(random: object, count: int) -> None:
    lines = LINES.copy()
    for _ in range(count):
        place = random.randrange(len(lines))
        match random.randrange(4):
            case 0:
                del lines[place]
            case 1:
                lines.insert(random.randrange(len(lines)), lines[place])
            case 2:
                lines[place] = random.choice([" ", "   ", "\t", "- "]) + lines[place]
            case 3:
                lines[place] = lines[place].strip()
    check("\n".join(lines))


@FEW
@given(st.text(max_size=200))
def test_any_text_at_all(text: str) -> None:
    check(text)


@FEW
@given(st.integers(0, len("\n".join(LINES)) - 1), st.characters(codec="utf-8"))
def test_one_character_replaced(place: int, character: str) -> None:
    text = "\n".join(LINES)
    check(text[:place] + character + text[place + 1 :])
