"""The adapter in the model and on disk."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from yue.errors import TrainingError, YueError
from yue.lm.forward import hidden_states, output_head
from yue.lm.load import load_base, load_tuned
from yue.recipe.model import Lora
from yue.recipe.read import default_recipe
from yue.training.lora import add_adapter, first_weights, write_adapter

TOKENS = torch.arange(12)[None]


def lora(**changes: object) -> Lora:
    return dataclasses.replace(default_recipe().lora, **{"r": 4, "alpha": 8, **changes})


def adapted(base_path: Path, **changes: object):
    base = load_base(base_path, dtype="float32", device="cpu")
    model = add_adapter(base, lora(**changes), base_path="models/base", seed=3).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    return model


def learning(model, *, detach: bool = True) -> dict[str, torch.Tensor]:
    weights = {name: w for name, w in model.named_parameters() if w.requires_grad}
    return {name: w.detach() for name, w in weights.items()} if detach else weights


def test_only_the_adapter_learns_in_every_linear_layer_of_the_blocks(base_path: Path) -> None:
    names = learning(adapted(base_path))
    assert len(names) == 2 * 7 * 2
    assert all("lora_" in name for name in names)
    assert not any("lm_head" in name or "embed" in name for name in names)


def test_named_layers_are_adapted_and_no_others(base_path: Path) -> None:
    names = learning(adapted(base_path, target_modules=("q_proj", "v_proj")))
    assert {name.split(".lora_")[0].rsplit(".", 1)[1] for name in names} == {"q_proj", "v_proj"}


def test_an_unknown_layer_is_refused_by_name(base_path: Path) -> None:
    with pytest.raises(TrainingError, match="no layer 'query' to adapt"):
        adapted(base_path, target_modules=("query",))


VARIANTS = {
    "plain": {"rslora": False},
    "rslora": {},
    "dora": {"dora": True},
    "pissa": {"init": "pissa"},
    "whole layers": {"modules_to_save": ("lm_head", "embed_tokens")},
    "attention only": {"target_modules": ("q_proj", "k_proj", "v_proj", "o_proj")},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_peft_loads_what_is_written_and_computes_the_same(
    base_path: Path, tmp_path: Path, variant: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = load_base(base_path, dtype="float32", device="cpu")
    model = add_adapter(base, lora(**VARIANTS[variant]), base_path="models/base", seed=3).train()
    first = first_weights(model) if variant == "pissa" else None
    start = hidden_states(model, TOKENS[0], [0, 5, 12]).detach()
    for _ in range(2):  # the second step moves A too, which starts behind a B of zeros
        (
            hidden_states(model, TOKENS[0], [0, 5, 12]) @ output_head(model).weight[:50].T
        ).square().mean().backward()
        with torch.no_grad():
            for weight in learning(model, detach=False).values():
                if weight.grad is not None:
                    weight -= 0.02 * weight.grad.sign()
                    weight.grad = None
    write_adapter(model, learning(model), tmp_path, first)
    model.eval().get_base_model().set_attn_implementation("sdpa")
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_path), tmp_path)
    with torch.no_grad():
        found = plain(TOKENS).logits
        torch.testing.assert_close(found, model(TOKENS).logits, rtol=1e-4, atol=1e-4)
        with plain.disable_adapter():
            untuned = plain(TOKENS).logits
        expected = AutoModelForCausalLM.from_pretrained(base_path)(TOKENS).logits
    assert not torch.allclose(found, untuned, atol=1e-2)
    torch.testing.assert_close(untuned, expected)  # the base model is as it was
    whole = hidden_states(AutoModelForCausalLM.from_pretrained(base_path), TOKENS[0], [0, 5, 12])
    torch.testing.assert_close(start, whole, rtol=1e-4, atol=1e-4)  # every variant starts there
    load_tuned(base_path, tmp_path, dtype="float32", device="cpu")


def test_four_bits_without_their_package_are_an_error_with_a_fix(
    base_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(YueError, match=r"bitsandbytes is not installed(?s:.*)yue\[qlora\]"):
        load_base(base_path, dtype="float32", device="cpu", four_bits=True)


def test_the_same_adapter_is_the_same_bytes_and_names_the_recipes_model(
    base_path: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        torch.manual_seed(7)
        model = adapted(base_path)
        write_adapter(model, learning(model), tmp_path / name)
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    config = json.loads((tmp_path / "one" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "models/base"
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (4, 8, True)
