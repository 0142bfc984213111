"""Mixture files of YuE's own scripts: ``N_ROUND`` lists of .bin files, and what they come to.

Upstream counts tokens in the logs of an earlier run; here they are counted in the files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from yue.errors import UsageError
from yue.tokens.megatron_files import as_prefix, count

_ROUNDS = re.compile(r"(\d+(?:\.\d+)?)_ROUND")


@dataclass(frozen=True)
class UpstreamPart:
    """One file of a mixture.

    Attributes:
        prefix: Path without .bin and .idx.
        rounds: How often an epoch reads it.
        tokens: Tokens in it.
        weight: Tokens that an epoch reads of it, ``int(tokens * rounds)``, upstream's weight.
    """

    prefix: str
    rounds: float
    tokens: int
    weight: int


@dataclass(frozen=True)
class UpstreamMixture:
    """What a mixture file comes to.

    Attributes:
        parts: Its files, in order.
        batch_size: ``GLOBAL_BATCH_SIZE``.
        sequence_length: ``SEQ_LEN``.
        tokens: Tokens of an epoch, rounds counted.
        train_iters: Upstream's ``TRAIN_ITERS``: the same in steps, a fraction.
        data_path: Upstream's ``DATA_PATH``: weights and prefixes in turn.
    """

    parts: tuple[UpstreamPart, ...]
    batch_size: int
    sequence_length: int
    tokens: float
    train_iters: float
    data_path: str


def read_mixture(path: Path) -> UpstreamMixture:
    """Read a mixture file and count its tokens.

    Raises:
        UsageError: It is no mixture file.
        TokenFileError: A file that it names cannot be counted.
    """
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        batch_size, length = int(values["GLOBAL_BATCH_SIZE"]), int(values["SEQ_LEN"])
        lists = _round_lists(values)
        if batch_size < 1 or length < 1 or not lists:
            raise ValueError("numbers must be above 0, and there must be a N_ROUND list")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        YAMLError,
    ) as error:
        raise UsageError(
            f"{path}: no mixture file ({error})",
            fix="it has GLOBAL_BATCH_SIZE, SEQ_LEN and lists of .bin files such as 1.5_ROUND",
        ) from error
    total, parts = Fraction(), []
    for rounds, files in lists:
        for file in files:
            prefix = as_prefix(Path(str(file)))
            tokens = count(prefix).tokens
            total += tokens * rounds
            parts.append(UpstreamPart(str(prefix), float(rounds), tokens, int(tokens * rounds)))
    return UpstreamMixture(
        parts=tuple(parts),
        batch_size=batch_size,
        sequence_length=length,
        tokens=float(total),
        train_iters=float(total / (batch_size * length)),
        data_path=" ".join(f"{part.weight} {part.prefix}" for part in parts),
    )


def show(mixture: UpstreamMixture) -> str:
    """Return a line for each file, then what upstream prints, for a terminal."""
    lines = [
        f"{part.prefix}: {part.tokens:,} tokens, {part.rounds:g} rounds" for part in mixture.parts
    ]
    lines += [
        f"an epoch: {mixture.tokens:,.0f} tokens in steps of {mixture.batch_size} x "
        f"{mixture.sequence_length}",
        f"DATA_PATH={mixture.data_path}",
        f"TRAIN_ITERS={mixture.train_iters}",
    ]
    return "\n".join(lines)


def _round_lists(values: dict[str, Any]) -> list[tuple[Fraction, list[Any]]]:
    found = []
    for name, files in values.items():
        if match := _ROUNDS.fullmatch(str(name)):
            found.append((Fraction(match[1]), list(files or [])))
    return found
