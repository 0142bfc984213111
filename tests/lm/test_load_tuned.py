"""A base model with its adapter on, off and merged, against plain PEFT."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from tests.generation.conftest import save_adapter, save_base
from yue.errors import GenerationError
from yue.lm.forward import hidden_states
from yue.lm.load import TunedModel, load_tuned

ROWS = 300
TOKENS = torch.randint(0, ROWS, (40,), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), rows=ROWS)


@pytest.fixture(scope="module")
def adapter_path(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base_path, tmp_path_factory.mktemp("adapter"))


def load(base_path: Path, adapter_path: Path | None, dtype: str = "float32") -> TunedModel:
    return load_tuned(base_path, adapter_path, dtype=dtype, device="cpu")


def logits(model: TunedModel, name: str) -> torch.Tensor:
    with torch.inference_mode(), model.use(name) as lm:
        return lm.lm_head(hidden_states(lm, TOKENS, [0, len(TOKENS)]))


def plain(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model(TOKENS[None]).logits[0]


def test_on_is_peft_and_off_is_the_base(base_path: Path, adapter_path: Path) -> None:
    model = load(base_path, adapter_path)
    base = LlamaForCausalLM.from_pretrained(base_path)
    off = plain(base)
    on = plain(PeftModel.from_pretrained(base, str(adapter_path)))
    assert not torch.allclose(on, off, atol=0.1)
    for _ in range(2):  # switching leaves no trace
        assert torch.allclose(logits(model, "tuned"), on, atol=1e-4)
        assert torch.allclose(logits(model, "base"), off, atol=1e-4)
    assert torch.equal(logits(model, "base"), logits(load(base_path, None), "base"))


def test_merged_is_tuned_and_no_longer_base(base_path: Path, adapter_path: Path) -> None:
    model = load(base_path, adapter_path)
    expected = logits(model, "tuned")
    model.merge()
    assert torch.allclose(logits(model, "tuned"), expected, atol=1e-4)
    assert model.models == ("tuned",)
    with pytest.raises(ValueError, match="no model 'base'"):
        logits(model, "base")


def test_bfloat16_weights_are_not_merged(base_path: Path, adapter_path: Path) -> None:
    model = load(base_path, adapter_path, "bfloat16")
    expected = logits(model, "tuned")
    model.merge()
    assert model.models == ("base", "tuned")
    assert torch.equal(logits(model, "tuned"), expected)


def test_without_an_adapter_there_is_only_the_base(base_path: Path) -> None:
    model = load(base_path, None)
    model.merge()
    assert model.models == ("base",)
    with pytest.raises(ValueError, match="no model 'tuned'"):
        logits(model, "tuned")


def test_nothing_is_trained(base_path: Path, adapter_path: Path) -> None:
    with load(base_path, adapter_path).use("tuned") as lm:
        assert not any(weight.requires_grad for weight in lm.parameters())
        assert not lm.training


@pytest.mark.parametrize("layers", [1, 3])
def test_an_adapter_of_another_base_is_refused(
    adapter_path: Path, tmp_path: Path, layers: int
) -> None:
    """PEFT alone only warns, and leaves layers untuned."""
    other = save_base(tmp_path / "other", rows=ROWS, layers=layers)
    with pytest.raises(GenerationError, match="does not fit the base model"):
        load(other, adapter_path)


def test_an_adapter_that_was_cut_off_is_named(adapter_path: Path, tmp_path: Path) -> None:
    base, cut = save_base(tmp_path / "base", rows=ROWS), tmp_path / "cut"
    shutil.copytree(adapter_path, cut)
    weights = cut / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(GenerationError, match=r"adapter_model.safetensors: damaged"):
        load(base, cut)


def test_an_adapter_of_other_widths_is_refused(adapter_path: Path, tmp_path: Path) -> None:
    other = save_base(tmp_path / "other", rows=ROWS, hidden=64)
    with pytest.raises(GenerationError, match=r"does not fit the base model(?s:.*)size mismatch"):
        load(other, adapter_path)


def test_a_damaged_adapter_is_refused(base_path: Path, adapter_path: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "adapter"
    shutil.copytree(adapter_path, damaged)
    weights = damaged / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(GenerationError, match="adapter"):
        load(base_path, damaged)


def test_an_adapter_of_another_kind_is_refused(
    base_path: Path, adapter_path: Path, tmp_path: Path
) -> None:
    other = tmp_path / "adapter"
    shutil.copytree(adapter_path, other)
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**config, "peft_type": "LOHA"}))
    with pytest.raises(GenerationError, match=r"(?s)'LOHA' adapter; only LoRA.*fix: "):
        load(base_path, other)
