"""Recipe text in the exact form in which DVC rewrites params.yaml, and the active recipe's header.

DVC changes params.yaml (``dvc exp run -S``) by loading it with ruamel's round-trip loader,
replacing every value by a plain one and dumping with block style. Text that is a fixed point of
this changes in one line when one value changes.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from yue.errors import RecipeError
from yue.recipe.build import values_digest
from yue.recipe.document import Document

_MODELINE = "# yaml-language-server: $schema="
_ACTIVE = re.compile(
    r"^# Active recipe: (?P<file>.+) sha256:(?P<digest>[0-9a-f]{64})$", re.MULTILINE
)
_PASSES = 5  # ruamel moves comments when it unfolds a flow list; a second pass finds them at rest


def canonical(text: str) -> str:
    """Recipe text as DVC would write it, comments kept.

    Raises:
        RecipeError: The text never comes to rest (comments inside lists can do that).
    """
    for _ in range(_PASSES):
        again = _rewrite(text)
        if again == text:
            return text
        text = again
    raise RecipeError(
        "this recipe cannot be laid out the way DVC writes it",
        fix="move comments from inside lists to the line of their key",
    )


def _rewrite(text: str, values: Mapping[str, Any] | None = None) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    data = yaml.load(text)
    if values is not None:
        _assign(data, values)
    _make_plain(data)
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """Recipe text with exactly these values, its comments kept, as DVC would write it."""
    return canonical(_rewrite(text, values))


def _assign(mapping: Any, values: Mapping[str, Any]) -> None:
    for name in [name for name in mapping if name not in values]:
        del mapping[name]
    for name, value in values.items():
        if isinstance(value, Mapping) and isinstance(mapping.get(name), dict):
            _assign(mapping[name], value)
        elif name not in mapping or mapping[name] != value:
            mapping[name] = value


def _make_plain(mapping: Any) -> None:
    for name, value in mapping.items():
        if isinstance(value, dict):
            _make_plain(value)
        elif isinstance(value, list):
            mapping[name] = list(value)


def active_text(document: Document, recipe_file: Path, root: Path) -> str:
    """The text of params.yaml for a valid recipe: its own, under a header that names it.

    Args:
        document: The recipe.
        recipe_file: Where it is.
        root: The project, whose params.yaml it becomes.
    """
    header, body = split_header(document.text)
    kept = [line for line in header if not line.startswith(_MODELINE) and not _ACTIVE.match(line)]
    lines = [
        f"{_MODELINE}schemas/recipe.schema.json",
        f"# Active recipe: {_name(recipe_file, root)} sha256:{values_digest(document.values)}",
        *kept,
        *body,
    ]
    return canonical("\n".join(lines) + "\n")


def origin(text: str) -> tuple[str, str] | None:
    """The recipe file that params.yaml says it was written from, and its digest then."""
    found = _ACTIVE.search(text)
    return (found["file"], found["digest"]) if found else None


def _name(recipe_file: Path, root: Path) -> str:
    """Relative to the project where it lies in it, so that it holds on another machine."""
    path = Path(os.path.abspath(recipe_file))  # noqa: PTH100  (resolve() would follow links)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def split_header(text: str) -> tuple[list[str], list[str]]:
    """The comment lines on top, and the rest."""
    lines = text.splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return lines[:end], lines[end:]
