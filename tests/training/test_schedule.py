from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.training.schedule import Schedule, schedule_of, step_count


@given(
    st.sampled_from(["cosine", "linear", "constant"]),
    st.integers(0, 50),
    st.integers(1, 200),
)
def test_a_rate_is_above_zero_and_at_most_the_peak(shape: str, warmup: int, steps: int) -> None:
    schedule = Schedule(peak=0.5, shape=shape, warmup=warmup, steps=steps)
    assert all(0 < schedule.rate(step) <= 0.5 for step in range(steps))


def test_warm_up_rises_and_cosine_falls() -> None:
    rates = [Schedule(1.0, "cosine", 4, 12).rate(step) for step in range(12)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[8] == pytest.approx(0.5)


def test_constant_stays_at_the_peak() -> None:
    assert {Schedule(1.0, "constant", 0, 9).rate(step) for step in range(9)} == {1.0}


def test_epochs_decide_unless_steps_are_given(a_train) -> None:
    assert step_count(a_train(max_steps=None, epochs=2.0, batch_size=4), rows=5) == 3
    assert step_count(a_train(max_steps=7, epochs=2.0, batch_size=4), rows=5) == 7
    assert step_count(a_train(max_steps=None, epochs=0.01, batch_size=4), rows=5) == 1


def test_the_recipe_gives_the_share_of_warm_up(a_train) -> None:
    assert schedule_of(a_train(warmup_ratio=0.1), 100).warmup == 10
