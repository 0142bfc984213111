"""Whether a recipe's codec fits the weights it names, and the base model."""

from __future__ import annotations

import json
import re
from pathlib import Path

from yue.inputs.missing import exists
from yue.inputs.released import released_at
from yue.recipe.model import Recipe
from yue.recipe.problems import Problem
from yue.recipe.rules import CODECS

RELEASED_ROWS = 83_968
"""Embedding rows of the released models; the ids of melrvq lie above them."""

_RELEASED = re.compile(r"YuE-s[12]-")
_OURS, _YUES = "melrvq", "xcodec"


def codec_problems(recipe: Recipe, root: Path) -> list[Problem]:
    """What cannot work, whatever is trained: another codec's weights, a model without its ids."""
    found = []
    name, path = recipe.codec.name, recipe.codec.path
    holds = _codec_in(root / path)
    if name in CODECS and holds is not None and holds != name:
        rule = f"holds the weights of {holds}, not of {name}"
        fix = f"name the folder of {name}, or set codec.name to {holds}"
        found.append(Problem(("codec", "path"), rule, fix, others=("codec.name",)))
    rows = _rows(recipe.model.path, root)
    if name == _OURS and rows is not None and rows <= RELEASED_ROWS:
        rule = f"its codes have ids that {recipe.model.path} ({rows:,} rows) does not have"
        fix = f"take {_YUES}, the codec of the released models, or a model made for {_OURS}"
        found.append(Problem(("codec", "name"), rule, fix, others=("model.path",)))
    return found


def is_strange(recipe: Recipe) -> bool:
    """Whether a released model is given the codes of a codec that it does not know."""
    released = _RELEASED.match(Path(recipe.model.path).name) is not None
    return released and recipe.codec.name != _YUES


def _codec_in(folder: Path) -> str | None:
    """The codec whose weights a folder has, where the folder itself says so."""
    if exists(folder / "final_ckpt" / "config.yaml"):  # as YuE's own are laid out
        return _YUES
    name = _json(folder / "config.json").get("codec")
    return name if name in CODECS else None


def _rows(path: str, root: Path) -> int | None:
    """Embedding rows of the base model, or of the released one that is still to be fetched."""
    rows = _json(root / path / "config.json").get("vocab_size")
    if isinstance(rows, int):
        return rows
    fetched = released_at(path) is not None
    return RELEASED_ROWS if fetched and _RELEASED.match(Path(path).name) else None


def _json(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
