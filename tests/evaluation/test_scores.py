"""Scores against float64 arithmetic over all logits of models that are loaded apart."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from tests.generation.conftest import save_adapter, save_base
from yue.evaluation import scores
from yue.evaluation.scores import Score, Scorer
from yue.lm.load import TunedModel, load_tuned

VOCABULARY = 2000
LENGTH = 200
PLACES = np.concatenate([np.arange(1, 40), np.arange(90, LENGTH)])


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return np.random.default_rng(0).integers(0, VOCABULARY, LENGTH).astype(np.int32)


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), rows=VOCABULARY)


@pytest.fixture(scope="module")
def adapter_path(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base_path, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def model(base_path: Path, adapter_path: Path) -> TunedModel:
    return load_tuned(base_path, adapter_path, dtype="float32", device="cpu")


def whole(*lengths: int) -> np.ndarray:
    return np.cumsum([0, *lengths])


def log_probabilities(model: torch.nn.Module, tokens: np.ndarray) -> np.ndarray:
    """Of every next token, (N, vocabulary) float64: one plain call of the model."""
    with torch.inference_mode():
        logits = model.double()(torch.from_numpy(tokens.astype(np.int64))[None]).logits[0]
    return logits.log_softmax(-1).numpy()


def reference(base: np.ndarray, tuned: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The scores of :data:`PLACES`, token by token."""
    rows = []
    for place in PLACES:
        row = [1.0]
        for values in (base[place - 1], tuned[place - 1]):
            right = values[tokens[place]]
            likelier = sum(values > right)
            row += [-right, likelier < 1, likelier < 5]
        p, q = np.exp(tuned[place - 1]), np.exp(base[place - 1])
        rows.append([*row, float(np.sum(p * np.log(p / q)))])
    return np.array(rows)


def test_scores_are_those_of_float64_arithmetic_over_all_logits(
    model: TunedModel, base_path: Path, adapter_path: Path, tokens: np.ndarray
) -> None:
    found = Scorer(model).score_row(tokens, whole(LENGTH), PLACES)
    base = log_probabilities(LlamaForCausalLM.from_pretrained(base_path), tokens)
    adapted = PeftModel.from_pretrained(
        LlamaForCausalLM.from_pretrained(base_path), str(adapter_path)
    )
    expected = reference(base, log_probabilities(adapted, tokens), tokens)
    assert found == pytest.approx(expected, abs=2e-4)
    assert expected[:, Score.KL].mean() > 0.1, "the adapter changes nothing, so nothing is tested"


def test_the_base_scores_do_not_know_the_adapter(
    model: TunedModel, base_path: Path, tokens: np.ndarray
) -> None:
    """A model that never had an adapter gives the same bits."""
    plain = LlamaForCausalLM.from_pretrained(base_path)
    alone = Scorer(TunedModel(plain))
    alone.model.models = ("base", "tuned")  # both are the plain model
    found = Scorer(model).score_row(tokens, whole(LENGTH), PLACES)
    expected = alone.score_row(tokens, whole(LENGTH), PLACES)
    columns = [Score.BASE_LOSS, Score.BASE_TOP1, Score.BASE_TOP5]
    assert np.array_equal(found[:, columns], expected[:, columns])
    assert np.all(expected[:, Score.KL] == 0)
    assert np.array_equal(expected[:, Score.TUNED_LOSS], expected[:, Score.BASE_LOSS])


def test_pieces_in_one_row_score_as_each_alone(model: TunedModel, tokens: np.ndarray) -> None:
    scorer = Scorer(model)
    cuts = [0, 70, 72, 150, LENGTH]
    places = [np.arange(a + 1, b) for a, b in pairwise(cuts)]
    packed = scorer.score_row(tokens, np.array(cuts), np.concatenate(places))
    alone = [
        scorer.score_row(tokens[a:b], whole(b - a), found - a)
        for (a, b), found in zip(pairwise(cuts), places, strict=True)
    ]
    assert packed == pytest.approx(np.concatenate(alone), abs=1e-5)


def test_logits_are_never_there_all_at_once(
    model: TunedModel, tokens: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Scorer(model).score_row(tokens, whole(LENGTH), PLACES)
    most = 6 * VOCABULARY
    monkeypatch.setitem(scores._CHUNK_LOGITS, "cpu", most)
    seen: list[int] = []
    original = Scorer._log_probabilities

    def counting(self: Scorer, hidden: torch.Tensor) -> torch.Tensor:
        logits = original(self, hidden)
        seen.append(logits.numel())
        return logits

    monkeypatch.setattr(Scorer, "_log_probabilities", counting)
    found = Scorer(model).score_row(tokens, whole(LENGTH), PLACES)
    assert max(seen) <= most
    assert len(seen) > 2 * 20
    assert found == pytest.approx(expected, abs=1e-5)


def test_equal_rows_of_the_output_layer_count_each(
    adapter_path: Path, tokens: np.ndarray, tmp_path: Path
) -> None:
    """Most ids of a young model share one row; they are still as many ids."""
    path = save_base(tmp_path / "base", rows=VOCABULARY)
    young = LlamaForCausalLM.from_pretrained(path)
    with torch.no_grad():
        young.lm_head.weight[200:1500] = young.lm_head.weight[100]
    young.save_pretrained(path)
    scorer = Scorer(load_tuned(path, adapter_path, dtype="float32", device="cpu"))
    assert len(scorer._head.weight) == VOCABULARY - 1300
    found = scorer.score_row(tokens, whole(LENGTH), PLACES)
    base = log_probabilities(LlamaForCausalLM.from_pretrained(path), tokens)
    adapted = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(path), str(adapter_path))
    expected = reference(base, log_probabilities(adapted, tokens), tokens)
    losses = [Score.BASE_LOSS, Score.TUNED_LOSS, Score.KL]
    assert found[:, losses] == pytest.approx(expected[:, losses], abs=2e-4)
    unshared = (tokens[PLACES] < 100) | (tokens[PLACES] >= 1500)
    assert found[unshared] == pytest.approx(expected[unshared], abs=2e-4)


def test_equal_logits_are_no_success(model: TunedModel, tokens: np.ndarray) -> None:
    """A model that says nothing has no token among its five likeliest."""
    scorer = Scorer(model)
    flat = scorer._head.weight * 0
    object.__setattr__(scorer._head, "weight", flat)
    found = scorer.score_row(tokens, whole(LENGTH), PLACES)
    assert found[:, Score.BASE_LOSS] == pytest.approx(np.log(len(flat)), abs=1e-4)
    assert not found[:, [Score.BASE_TOP1, Score.BASE_TOP5]].any()
