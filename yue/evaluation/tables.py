"""Tables of losses as CSV files that ``dvc plots show`` draws: by place, section, song, role."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yue.evaluation.scores import Score
from yue.evaluation.tally import ROLES, Group, Sums, Tally
from yue.files import atomic_file
from yue.tokens.roles import CODEBOOKS

TRACKS = ("vocal", "instrumental", *(role.title for role in CODEBOOKS))
"""The roles that have tables of their own."""

_ALWAYS = TRACKS[:2]  # dvc.yaml draws these, so they are there even without a row
_COLUMNS = ("tokens", "base", "tuned", "change", "base_top1", "tuned_top1")
_SCORES = [Score.BASE_LOSS, Score.TUNED_LOSS, Score.BASE_TOP1, Score.TUNED_TOP1]


def write_tables(
    folder: Path, name: str, tally: Tally[Group], label: Callable[[Group], str] = str
) -> None:
    """Write ``NAME_TRACK.csv`` for each track that has tokens, one row a group.

    Columns: NAME, tokens, base, tuned, change, base_top1, tuned_top1; a loss is a mean in nats a
    token, a top-1 the share of tokens that the model finds likeliest.

    Args:
        folder: Where to.
        name: What the groups are.
        tally: The sums.
        label: The name of a group.
    """
    for track in TRACKS:
        sums = tally.of(track)
        if sums or track in _ALWAYS:
            rows = _rows({label(group): sums[group] for group in sorted(sums)})
            _write(folder / f"{name}_{track}.csv", [name, *_COLUMNS], rows)


def write_roles(path: Path, songs: Tally[Any]) -> None:
    """Write one row for each role that has tokens; columns as in :func:`write_tables`."""
    by_role = {role: list(songs.of(role).values()) for role in ROLES}
    rows = _rows({role: np.sum(sums, axis=0) for role, sums in by_role.items() if sums})
    _write(path, ["role", *_COLUMNS], rows)


def _rows(groups: dict[str, Sums]) -> list[list[Any]]:
    return [[name, *_numbers(sums)] for name, sums in groups.items()]


def _numbers(sums: Sums) -> list[Any]:
    base, tuned, base_top1, tuned_top1 = sums[_SCORES] / sums[Score.TOKENS]
    shown = (base, tuned, tuned - base, base_top1, tuned_top1)
    return [int(sums[Score.TOKENS]), *(f"{value:.6f}" for value in shown)]


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_file(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
