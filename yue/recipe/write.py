"""Recipe text in the exact form in which DVC rewrites params.yaml, and the active recipe's header.

DVC changes params.yaml (``dvc exp run -S``) by loading it with ruamel's round-trip loader,
replacing every value by a plain one and dumping with block style. Text that is a fixed point of
this changes in one line when one value changes.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from yue.errors import RecipeError
from yue.recipe.build import values_digest, without_defaults
from yue.recipe.document import Document, KeyPath
from yue.recipe.layout import laid_out
from yue.recipe.read import checked
from yue.recipe.remarks import Remarks, remarks_of, split_header
from yue.recipe.resolve import Resolved
from yue.recipe.schema import keys, sections

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


def active_text(found: Resolved, recipe_file: Path, root: Path) -> str:
    """The text of params.yaml for a valid recipe: all its values, under a header that names it.

    Args:
        found: The recipe.
        recipe_file: Where it is.
        root: The project, whose params.yaml it becomes.
    """
    kept = [
        line
        for line in split_header(found.document.text)[0]
        if not line.startswith(_MODELINE) and not _ACTIVE.match(line)
    ]
    header = [
        f"{_MODELINE}schemas/recipe.schema.json",
        f"# Active recipe: {_name(recipe_file, root)} sha256:{values_digest(found.values)}",
        *kept,
    ]
    return canonical(laid_out(header, found.values, _remarks(found)))


def completed_text(document: Document) -> str:
    """The text of a file with every key that it leaves out; its values, comments and header stay.

    Raises:
        RecipeError: A recipe that it extends cannot be read.
        RecipeFaultsError: It has faults.
    """
    found = checked(document)
    header, _ = split_header(document.text)
    return canonical(laid_out(header, found.values, _remarks(found)))


def short_text(header: Sequence[str], values: Mapping[str, Any]) -> str:
    """The text of a recipe that holds only what differs from the schema's defaults.

    Args:
        header: Comment lines below the line for editors.
        values: Complete plain values.
    """
    header = [f"{_MODELINE}../schemas/recipe.schema.json", *header]
    return laid_out(header, without_defaults(values), Remarks({}, {}, ()))


def _remarks(found: Resolved) -> Remarks:
    """The comments of a recipe: each from the file that has the value, else from its own."""
    own = remarks_of(found.document)
    files = {id(each): each for each in found.origins.values()}
    remarks = {number: remarks_of(each) for number, each in files.items()}
    beside: dict[KeyPath, str] = {}
    above: dict[KeyPath, tuple[str, ...]] = {}
    for path in [(section,) for section in sections()] + [key.path for key in keys()]:
        origin = found.origins.get(path)
        theirs = own if origin is None else remarks[id(origin)]
        if path in theirs.beside:
            beside[path] = theirs.beside[path]
        if path in theirs.above:
            above[path] = theirs.above[path]
    return Remarks(beside, above, own.below)


def origin(text: str) -> tuple[str, str] | None:
    """The recipe file that params.yaml says it was written from, and its digest then."""
    found = _ACTIVE.search(text)
    return (found["file"], found["digest"]) if found else None


def _name(recipe_file: Path, root: Path) -> str:
    """Relative to the project where it lies in it, so that it holds on another machine."""
    path = Path(os.path.abspath(recipe_file))  # noqa: PTH100  (resolve() would follow links)
    root = root.absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
