"""Sampling against straightforward references in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.generation.token_sampling import (
    Sampling,
    choose,
    guide,
    keep_top_k,
    keep_top_p,
    penalise,
    sample,
)

Row = list[float]
rows = st.lists(st.floats(-8, 8).map(lambda x: round(x, 2)), min_size=1, max_size=12)


def tensor(row: Row) -> torch.Tensor:
    return torch.tensor([row], dtype=torch.float64)


def softmax(row: Row) -> Row:
    top = max(row)
    weights = [math.exp(x - top) for x in row]
    return [w / sum(weights) for w in weights]


def kept(logits: torch.Tensor) -> set[int]:
    return {i for i, x in enumerate(logits[0].tolist()) if x > -math.inf}


@given(rows, st.integers(0, 14))
def test_top_k_keeps_the_k_largest_and_their_equals(row: Row, k: int) -> None:
    cut = -math.inf if k == 0 else sorted(row, reverse=True)[min(k, len(row)) - 1]
    assert kept(keep_top_k(tensor(row), k)) == {i for i, x in enumerate(row) if x >= cut}


@given(rows, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(row: Row, p: float) -> None:
    probabilities = softmax(row)
    order = sorted(range(len(row)), key=lambda i: (-row[i], i))
    expected, total = set(), 0.0
    for i in order:
        if expected and total >= p - 1e-12:
            break
        expected.add(i)
        total += probabilities[i]
    result = kept(keep_top_p(tensor(row), p))
    sums = [sum(probabilities[i] for i in order[:n]) for n in range(len(row) + 1)]
    if min(abs(s - p) for s in sums) > 1e-9:  # at a boundary rounding decides
        assert result == expected


@given(rows, st.floats(0.5, 3), st.data())
def test_penalty_divides_positive_and_multiplies_negative_seen_logits(
    row: Row, penalty: float, data: st.DataObject
) -> None:
    seen = data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))
    expected = [
        (x / penalty if x > 0 else x * penalty) if s else x for x, s in zip(row, seen, strict=True)
    ]
    result = penalise(tensor(row), torch.tensor([seen]), penalty)
    assert result[0].tolist() == pytest.approx(expected)


@given(rows, st.floats(0, 4), st.data())
def test_guidance_moves_log_probabilities_away_from_the_unconditional(
    row: Row, scale: float, data: st.DataObject
) -> None:
    other = data.draw(st.lists(st.floats(-8, 8), min_size=len(row), max_size=len(row)))
    a, b = softmax(row), softmax(other)
    expected = [
        math.log(u) + scale * (math.log(c) - math.log(u)) for c, u in zip(a, b, strict=True)
    ]
    assert guide(tensor(row), tensor(other), scale)[0].tolist() == pytest.approx(expected, abs=1e-9)


@given(rows, st.floats(0, 1, exclude_max=True))
def test_choice_inverts_the_cumulative_distribution(row: Row, uniform: float) -> None:
    probabilities = softmax(row)
    index = int(choose(tensor(row), torch.tensor([uniform], dtype=torch.float64)))
    assert sum(probabilities[:index]) <= uniform + 1e-9
    assert uniform <= sum(probabilities[: index + 1]) + 1e-9


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_an_impossible_id_is_never_drawn(uniform: float) -> None:
    row = [-math.inf, 0.0, -math.inf, 1.0, -math.inf]
    index = int(choose(tensor(row), torch.tensor([uniform], dtype=torch.float64)))
    assert index in (1, 3)


def test_draws_have_the_frequencies_of_the_distribution() -> None:
    row = [0.0, 1.0, -1.0, 0.5]
    generator = torch.Generator().manual_seed(0)
    uniforms = torch.rand(20_000, generator=generator, dtype=torch.float64)
    drawn = choose(tensor(row).expand(len(uniforms), -1), uniforms)
    shares = torch.bincount(drawn, minlength=4) / len(uniforms)
    assert shares.tolist() == pytest.approx(softmax(row), abs=0.01)


@given(rows, st.integers(0, 5), st.floats(0.1, 1), st.floats(0.1, 2), st.integers(1, 6), st.data())
@settings(max_examples=200)
def test_allowed_ids_alone_sample_as_the_masked_vocabulary_does(
    row: Row, k: int, p: float, temperature: float, penalty: int, data: st.DataObject
) -> None:
    """A row of allowed logits draws what a long row does whose other ids are minus infinity."""
    seen = torch.tensor([data.draw(st.lists(st.booleans(), min_size=len(row), max_size=len(row)))])
    uniform = data.draw(st.floats(0, 1, exclude_max=True))
    before, after = 7, 4
    whole = torch.full((1, before + len(row) + after), -math.inf, dtype=torch.float64)
    whole[0, before : before + len(row)] = tensor(row)[0]
    whole_seen = torch.ones_like(whole, dtype=torch.bool)
    whole_seen[0, before : before + len(row)] = seen[0]
    how = Sampling(temperature, k, p, penalty / 2, 1.0)
    uniforms = torch.tensor([uniform], dtype=torch.float64)
    sliced = sample(tensor(row), seen, uniforms, how)
    masked = sample(whole, whole_seen, uniforms, how)
    assert int(masked) - before == int(sliced)


def test_temperature_zero_takes_the_likeliest() -> None:
    row = tensor([0.0, 3.0, 2.9])
    unseen = torch.zeros((1, 3), dtype=torch.bool)
    for uniform in (0.0, 0.999):
        drawn = sample(row, unseen, torch.tensor([uniform]), Sampling(temperature=0.0))
        assert int(drawn) == 1
