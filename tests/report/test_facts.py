"""Reading what the stages left."""

from __future__ import annotations

import pytest

from tests.report.conftest import sample_metrics
from yue.errors import YueError
from yue.files import write_json
from yue.paths import Paths
from yue.report.facts import read_facts


def test_curves_and_tables_are_found_by_name(results: Paths) -> None:
    facts = read_facts(results, sample_metrics())
    assert set(facts.curves) == {"loss", "valid_loss", "valid_loss_vocal"}
    assert facts.curves["loss"].steps == (5.0, 10.0, 15.0)
    assert facts.curves["loss"].values == (4.0, 3.5, 3.2)
    assert facts.tables["position_vocal"].numbers("tuned") == [3.1, 2.9]
    assert facts.cost["processor hours"] == "0.025"
    assert facts.evaluation.tuned["vocal"].loss == 3.0


def test_a_missing_result_is_named(results: Paths) -> None:
    (results.metrics / "eval.json").unlink()
    with pytest.raises(YueError, match=r"eval\.json: no such file"):
        read_facts(results, sample_metrics())


def test_a_garbled_result_is_named(results: Paths) -> None:
    write_json(results.metrics / "eval.json", {"split": "valid"})
    with pytest.raises(YueError, match=r"eval\.json: not the result of an evaluation"):
        read_facts(results, sample_metrics())
