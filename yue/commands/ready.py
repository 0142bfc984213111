"""The ready recipe behind ``yue pipeline`` and ``yue preprocess``: all that no flag says."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yue.errors import UsageError
from yue.inputs.pipeline_outputs import is_made
from yue.inputs.released_weights import released_at
from yue.project.pipeline_files import template_root
from yue.recipe.flags import given_values, naming_flags, value_words
from yue.recipe.read import read_recipe
from yue.recipe.schema import keys, keys_of
from yue.tokens.vocabulary import CODECS, codec_range

_BASE = "yue-s1-lora"
_BASES = {"melrvq": "own-songs", "semanticodec": "semanticodec"}
# What the codec decides, where it is not the recipe's own.
_OF_CODEC = {
    "codec.path": "the codec's own, see `yue codecs`",
    "codec.codebooks": "{}, or all of a codec that has fewer",
    "convert.sample_rate": "{}; 44100 with dac44k",
}


def base_recipe(codec: str | None) -> str:
    """Name of the ready recipe for a codec."""
    return _BASES.get(codec or "", _BASE)


def ready_defaults(sections: Sequence[str]) -> dict[str, str]:
    """Return what a verb takes that starts from a ready recipe, in words, by dotted key.

    A key in which the recipes of codecs differ says all their values.
    """
    folder = template_root() / "recipes"
    recipes = {codec: read_recipe(folder / f"{base_recipe(codec)}.yaml") for codec in ("", *_BASES)}
    words = {}
    for key in (key for section in sections for key in keys_of(section)):
        values = {
            codec: value_words(getattr(getattr(recipe, key.section), key.name, key.default))
            for codec, recipe in recipes.items()
        }
        value = values[""] if key.dotted == "codec.name" else _join_by_codec(values)
        words[key.dotted] = _OF_CODEC.get(key.dotted, "{}").format(value)
    return words


def _join_by_codec(values: Mapping[str, str]) -> str:
    """Return the first value, and codecs with another: ``1; 4 with melrvq or semanticodec``."""
    codecs: dict[str, list[str]] = {}
    for codec, value in values.items():
        codecs.setdefault(value, []).append(codec)
    first, *others = codecs
    return "; ".join([first, *(f"{value} with {' or '.join(codecs[value])}" for value in others)])


def given_recipe_values(
    args: argparse.Namespace, sections: Sequence[str], base: str
) -> dict[str, dict[str, Any]]:
    """Return recipe values of the flags, and of a codec that is not the ready recipe's.

    Paths are made absolute, for the project is another folder.

    Raises:
        UsageError: A path is neither there nor made.
    """
    values = given_values(args, *sections)
    with naming_flags(args):
        _make_paths_absolute(values)
    for section, part in _codec_values(values["codec"].get("name"), base).items():
        values[section] = {**part, **values.get(section, {})}
    return values


def _codec_values(name: str | None, base: str) -> dict[str, dict[str, Any]]:
    """Return the weights and shape of a codec that the ready recipe does not name."""
    from yue.codecs.registry import about

    file = template_root() / "recipes" / f"{base}.yaml"
    recipe = read_recipe(file) if name is not None and file.is_file() else None
    if name is None or recipe is None or recipe.codec.name == name:
        return {}
    known = about(name)
    values: dict[str, Any] = {"path": known.folder.as_posix()}
    if name in CODECS:
        most = known.codebooks or len(codec_range(name).sizes)
        values["codebooks"] = min(most, recipe.codec.codebooks)
    return {"codec": values, "convert": {"sample_rate": known.sample_rate}}


def _make_paths_absolute(values: dict[str, dict[str, Any]]) -> None:
    """Make the paths among recipe values absolute.

    What a stage of every project makes or fetches stays relative to it.

    Raises:
        UsageError: A path is neither there nor made.
    """
    for key in keys():
        given = values.get(key.section, {}).get(key.name)
        if given is None or not key.allowed.startswith("a path"):
            continue
        if Path(given).exists():
            values[key.section][key.name] = str(Path(given).absolute())
        elif not is_made(given, template_root()) and released_at(given) is None:
            raise UsageError(
                f"{key.dotted}: {given} does not exist",
                why="nothing in a project makes or fetches it",
                fix="look for a typing error, or put it there first: see `yue fetch --help`",
            )
