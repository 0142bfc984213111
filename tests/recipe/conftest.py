"""A recipe to break, and its text with one line changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from yue.errors import RecipeError
from yue.recipe.fault_text import Fault, RecipeFaultsError
from yue.recipe.read import read_recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


def demo_lines() -> list[str]:
    """The demo recipe in full, as `yue use` writes it."""
    return (ROOT / "params.yaml").read_text().splitlines()


def line_of(dotted: str) -> int:
    """The line, from 0, of a key in the demo recipe."""
    section, _, key = dotted.rpartition(".")
    lines = demo_lines()
    start = lines.index(f"{section}:") if section else -1
    prefix = f"{'  ' if section else ''}{key}:"
    return next(n for n in range(start + 1, len(lines)) if lines[n].startswith(prefix))


def replace_value(lines: list[str], dotted: str, value: str) -> None:
    """Write another value for one key into the demo recipe's lines; their number stays."""
    place = line_of(dotted)
    indent = "  " if "." in dotted else ""
    lines[place] = f"{indent}{dotted.split('.')[-1]}: {value}"
    for item in range(place + 1, len(lines)):
        if not lines[item].startswith("  - "):  # an item of the list that was there
            break
        lines[item] = ""


def with_value(dotted: str, value: str) -> str:
    """The demo recipe's text with another value for one key."""
    lines = demo_lines()
    replace_value(lines, dotted, value)
    return "\n".join(lines) + "\n"


@pytest.fixture
def faults_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Fault]]:
    """The faults that reading a text reports."""
    monkeypatch.chdir(tmp_path)

    def read(text: str) -> list[Fault]:
        path = tmp_path / "params.yaml"
        path.write_text(text)
        with pytest.raises(RecipeFaultsError) as caught:
            read_recipe(path)
        return list(caught.value.faults)

    return read


@pytest.fixture
def message_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], str]:
    """What the user is told about a text."""
    monkeypatch.chdir(tmp_path)

    def read(text: str | bytes) -> str:
        path = tmp_path / "params.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(RecipeError) as caught:
            read_recipe(path)
        return str(caught.value)

    return read
