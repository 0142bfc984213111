"""An adapter's ``run.json`` compared with the active recipe, base model and codec; no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yue.checkpoints.run_state import SHORT
from yue.errors import YueError
from yue.files import read_json, value_digest
from yue.recipe.differences import SECTIONS, key_differences, sections_of
from yue.recipe.model import Recipe


def adapter_differences(
    run_json: Path,
    recipe: Recipe,
    *,
    base_digest: str | None = None,
    codec_digest: str | None = None,
    data_digest: str | None = None,
) -> list[str]:
    """Say what an adapter was trained with that the active recipe does not have.

    Keys that decide nothing (places, how often to log or save) are no differences, nor is what
    the record does not say, such as the codec of token files that another program wrote.

    Args:
        run_json: The adapter's record.
        recipe: The active recipe.
        base_digest: Of the base model (:func:`yue.lm.base_facts.base_digest`); None leaves it.
        codec_digest: Of the codec's weights (its card's); None leaves it.
        data_digest: Of the tokens (:func:`yue.checkpoints.identity.data_digest`); None leaves it.

    Returns:
        One line for each difference, such as ``lora.r 8, here 16``; none where all is the same.

    Raises:
        YueError: There is no such file, or it is no record of a training.
    """
    record = read_json(run_json)
    if not isinstance(record, dict) or not _has_sections(record.get("recipe")):
        raise YueError(
            f"{run_json}: not the record of a training",
            why="it does not say which recipe the adapter was trained with",
            fix="train again: dvc repro train",
        )
    codec = record.get("codec")
    recorded = codec.get("digest") if isinstance(codec, dict) else None
    pairs = (
        ("base model", record.get("base_digest"), base_digest),
        ("codec", recorded, codec_digest),
        ("data", record.get("data_digest"), data_digest),
    )
    return [
        *key_differences(record["recipe"], sections_of(recipe)).values(),
        *(
            f"{what} {str(there)[:SHORT]}, here {here[:SHORT]}"
            for what, there, here in pairs
            if there and here and there != here
        ),
    ]


def refuse_other_adapter(
    adapter: Path,
    recipe: Recipe,
    *,
    base_digest: str | None = None,
    codec_digest: str | None = None,
) -> None:
    """Refuse an adapter that another recipe, base model or codec made than the active ones.

    DVC takes an adapter for the active recipe's once somebody has given ``dvc commit -f``, whatever
    it is. An adapter without a record was made by another program and cannot be compared.

    Args:
        adapter: The PEFT folder.
        recipe: The active recipe.
        base_digest: As of :func:`adapter_differences`.
        codec_digest: As of :func:`adapter_differences`.

    Raises:
        YueError: It is another's; every difference is named.
    """
    record = adapter / "run.json"
    if not record.is_file():
        return
    found = adapter_differences(record, recipe, base_digest=base_digest, codec_digest=codec_digest)
    if found:
        name = recipe_name(record)
        whose = f"the recipe {name}" if name and name != recipe.name else "another recipe"
        raise YueError(
            f"the adapter in {adapter} is not the active recipe's ({recipe.name}) but of {whose}",
            why="; ".join(found),
            fix="dvc repro -f train   # trains the active recipe's; or make the other active again",
        )


def recipe_name(run_json: Path) -> str | None:
    """Return the name of the recipe that an adapter was trained with, where its record says it."""
    record = read_json(run_json)
    name = record.get("recipe_name") if isinstance(record, dict) else None
    return name if isinstance(name, str) else None


def _has_sections(value: Any) -> bool:
    try:
        value_digest(value)  # NaN is in no recipe
    except ValueError:
        return False
    return isinstance(value, dict) and all(isinstance(value.get(name), dict) for name in SECTIONS)
