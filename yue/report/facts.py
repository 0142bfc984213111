"""What the page shows, read from the project's files into typed values."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yue.evaluation.eval_metrics import Evaluation, read_evaluation
from yue.evaluation.sample_metrics import SampleMetrics
from yue.files import read_json
from yue.paths import Paths
from yue.rejections import Rejections, read_rejections

TRACKS = ("vocal", "instrumental")


@dataclass(frozen=True)
class Series:
    """One curve of training: values by optimizer step."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Step and value of each point."""
        return tuple(zip(self.steps, self.values, strict=True))


@dataclass(frozen=True)
class Table:
    """A CSV file of the evaluation: header and rows, as text."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def numbers(self, column: str) -> list[float]:
        """Return a column as numbers."""
        place = self.header.index(column)
        return [float(row[place]) for row in self.rows]


@dataclass(frozen=True)
class Facts:
    """Everything but the audio.

    Attributes:
        evaluation: Held-out numbers.
        training: ``metrics/train.json``.
        curves: Curves of training, by name.
        tables: Tables of the evaluation, by name.
        run: ``run.json`` of the adapter.
        data: ``data_report.json``.
        rejections: What all stages left out, from songs to tokens.
        samples: What the samples are like.
    """

    evaluation: Evaluation
    training: dict[str, Any]
    curves: dict[str, Series]
    tables: dict[str, Table]
    run: dict[str, Any]
    data: dict[str, Any]
    rejections: Rejections
    samples: SampleMetrics

    @property
    def cost(self) -> dict[str, str]:
        """What the training took, for the run card."""
        seconds = float(self.run.get("wall_seconds", 0.0))
        machine = self.run.get("machine", {})
        processes = int(machine.get("processes", 1))
        device = "GPU" if machine.get("device") == "cuda" else "processor"
        return {
            "time": f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 3600:.2f} h",
            f"{device} hours": f"{seconds * processes / 3600:.3g}",
            "tokens a second": f"{self.training.get('tokens_per_second', 0):,.0f}",
            "peak memory": f"{self.training.get('peak_memory_bytes', 0) / 2**30:.2f} GiB",
        }


def read_facts(paths: Paths, samples: SampleMetrics) -> Facts:
    """Read a project's results.

    Args:
        paths: The project.
        samples: What the samples are like.

    Raises:
        YueError: A file is missing or is not what its stage writes.
    """
    return Facts(
        evaluation=read_evaluation(paths.metrics / "eval.json"),
        training=read_json(paths.metrics / "train.json"),
        curves=read_curves(paths.metrics / "plots" / "train"),
        tables=read_tables(paths.metrics / "plots" / "eval"),
        run=read_json(paths.adapter / "run.json"),
        data=read_json(paths.data_report),
        rejections=read_rejections(paths.rejected, "mmap"),
        samples=samples,
    )


def read_curves(folder: Path) -> dict[str, Series]:
    """Read the curves below a DVCLive folder: one ``.tsv`` each, columns ``step`` and the value."""
    curves = {}
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream, delimiter="\t"))
        if len(rows) < 2 or "step" not in rows[0]:
            continue
        step = rows[0].index("step")
        points = [(float(row[step]), float(row[-1])) for row in rows[1:]]
        steps, values = zip(*points, strict=True)
        curves[path.stem] = Series(path.stem, steps, values)
    return curves


def read_tables(folder: Path) -> dict[str, Table]:
    """Read the ``.csv`` files of the evaluation."""
    tables = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [tuple(row) for row in csv.reader(stream)]
        if rows:
            tables[path.stem] = Table(path.stem, rows[0], tuple(rows[1:]))
    return tables
