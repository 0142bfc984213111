"""``yue metrics``: a table of experiments that says first what state they are in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from yue.report.experiment_tables import metric_columns, metrics_table
from yue.report.experiments import Experiment, read_experiments


def experiment(name: str, rank: int, loss: float | None, state: str = "") -> Experiment:
    metrics = {} if loss is None else {"eval:tuned.vocal.loss": loss}
    return Experiment(name, {"lora.r": rank, "lora.alpha": 16}, metrics, None, state)


GRID = [
    experiment("main", 8, 3.0),
    experiment("rank-16", 16, 2.8),
    experiment("rank-4", 4, None, "failed"),
]


def test_state_is_first_and_the_best_is_starred() -> None:
    assert metrics_table(GRID, 80).splitlines() == [
        "             main   rank-16  rank-4",
        "state        done   done     failed",
        "lora.r       8      16       4",
        "loss, vocal  3.000  2.800*",
    ]


def test_what_does_not_fit_comes_below_without_rows_that_it_lacks() -> None:
    assert metrics_table(GRID, 30).splitlines() == [
        "             main   rank-16",
        "state        done   done",
        "lora.r       8      16",
        "loss, vocal  3.000  2.800*",
        "",
        "             rank-4",
        "state        failed",
        "lora.r       4",
    ]
    assert metrics_table(GRID, 1).count("state") == 3  # never none in a line


def test_long_words_are_shortened() -> None:
    long = replace(GRID[0], state="a message of\nmany words and lines")
    assert metrics_table([long], 80).splitlines()[1] == "state        a message of many wor..."


def test_equal_numbers_have_no_best() -> None:
    (column,) = metric_columns([experiment("a", 1, 3.0), experiment("b", 2, 3.0)])
    assert column.cells == (("3.000", False), ("3.000", False))


def shown(rank: int, **metrics: object) -> dict[str, object]:
    params = {"params.yaml": {"data": {"lora": {"r": rank}}}}
    return {"rev": "workspace", "data": {"params": params, "metrics": metrics}}


@pytest.mark.parametrize(("rank", "state"), [(8, ""), (4, "edited since its run")])
def test_an_edited_workspace_shows_no_numbers_of_its_last_run(rank: int, state: str) -> None:
    row = shown(rank, **{"metrics/eval.json": {"data": {"tuned": {"vocal": {"loss": 3.0}}}}})
    ran = {"train": {"params": {"params.yaml": {"lora": {"r": 8}}}}, "validate": {}}
    (found,) = read_experiments([row], ran)
    assert found.state == state
    assert bool(found.metrics) is not bool(state)


def test_what_a_failed_stage_left_of_later_ones_is_no_result() -> None:
    missing = {"error": {"type": "FileNotFoundError", "msg": "no such file"}}
    left = {"data": {"tuned": {"vocal": {"divergence": 0.3}}}}
    row = shown(4, **{"metrics/eval.json": missing, "metrics/samples.json": left})
    (found,) = read_experiments([row, {**shown(4), "rev": "0123456789"}])[:1]
    assert (found.name, found.state, found.metrics) == ("workspace", "not finished", {})
