"""Tables of losses as CSV files that ``dvc plots show`` draws: by place, by section, by song."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from yue.evaluation.scores import Score
from yue.evaluation.tally import Group, Sums, Tally
from yue.files import atomic_file

TRACKS = ("vocal", "instrumental")


def write_tables(folder: Path, name: str, tally: Tally[Group]) -> None:
    """Write ``NAME_vocal.csv`` and ``NAME_instrumental.csv``, one row a group.

    Columns: NAME, tokens, base, tuned; the last two are mean losses in nats a token.
    """
    for track in TRACKS:
        rows = sorted(tally.of(track).items())
        _write(folder / f"{name}_{track}.csv", name, rows)


def _write(path: Path, name: str, rows: Iterable[tuple[Group, Sums]]) -> None:
    with atomic_file(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([name, "tokens", "base", "tuned"])
        for group, sums in rows:
            base, tuned = sums[[Score.BASE_LOSS, Score.TUNED_LOSS]] / sums[Score.TOKENS]
            writer.writerow([group, int(sums[Score.TOKENS]), f"{base:.6f}", f"{tuned:.6f}"])
