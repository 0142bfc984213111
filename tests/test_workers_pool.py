"""Songs in processes: results in order, faults by name, one thread each."""

from __future__ import annotations

import math
import os

import pytest

from yue.errors import AudioError
from yue.workers import map_songs


def test_results_come_in_the_order_of_the_songs() -> None:
    numbers = [9.0, 1.0, 4.0, 0.0, 25.0]
    assert map_songs(math.sqrt, numbers, workers=2, label="work") == [3, 1, 2, 0, 5]
    assert map_songs(math.sqrt, [], workers=2, label="work") == []


def test_a_worker_computes_on_one_thread_and_the_caller_s_environment_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    assert map_songs(os.getenv, names, workers=1, label="work") == ["1", "1"]
    assert [os.getenv(name) for name in names] == ["7", None]


def test_an_error_in_a_worker_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="math domain"):
        map_songs(math.sqrt, [4.0, -1.0], workers=1, label="work")


def test_a_worker_that_dies_is_reported_with_what_to_do() -> None:
    with pytest.raises(AudioError, match="a worker process died") as caught:
        map_songs(os._exit, [3], workers=1, label="convert")
    assert "runtime.workers" in caught.value.fix
