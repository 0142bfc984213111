"""The sums of `yue estimate` against tensors that are really there."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.live_memory import LiveMemory
from yue.costs.memory import Setting, kept_by_block, training_memory
from yue.lm.base_facts import MODES, ModelShape
from yue.lm.forward import hidden_states, output_head, set_checkpointing
from yue.lm.loss import token_losses
from yue.training.lora import add_adapter

SMALL = ModelShape(64, 128, 344, 2, 8, 2, 16, 512, False)
TOKENS = 64


def script(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def memory() -> ModuleType:
    return script("memory")


ATTENTION = {"target_modules": ("q_proj", "k_proj", "v_proj", "o_proj")}


@pytest.mark.parametrize(
    ("dtype", "mode", "changes"),
    [
        *[("bfloat16", mode, {}) for mode in MODES],  # as released models are trained
        ("float32", "none", {}),
        ("float32", "none", {"dropout": 0.1}),
        ("bfloat16", "selective", {"dropout": 0.1}),
        ("float32", "selective", ATTENTION),
        ("bfloat16", "none", ATTENTION),
    ],
)
def test_a_block_keeps_to_the_byte_what_is_summed(
    memory: ModuleType, dtype: str, mode: str, changes: dict[str, object]
) -> None:
    lora = dataclasses.replace(memory.LORA, r=8, **changes)
    kind = getattr(torch, dtype)
    found = memory.a_block(
        lambda shape: memory.kept(shape, lora, mode, TOKENS, kind), SMALL, TOKENS
    )
    assert found * 1024 == kept_by_block(Setting(SMALL, lora, dtype, TOKENS, mode), mode)


@pytest.mark.parametrize(
    ("dtype", "mode"), [("float32", MODES[0]), *[("bfloat16", mode) for mode in MODES]]
)
def test_a_steps_peak_is_within_a_tenth_of_the_sum(
    memory: ModuleType, mode: str, dtype: str
) -> None:
    shape = dataclasses.replace(SMALL, layers=4)
    lora = dataclasses.replace(memory.LORA, r=2)  # its gradients are the optimizer's part
    model = memory.llama(shape, getattr(torch, dtype), filled=True)
    model = add_adapter(model, lora, base_path="", seed=0).train()
    set_checkpointing(model, mode)
    tokens = torch.arange(TOKENS)
    with LiveMemory() as live:
        hidden = hidden_states(model, tokens, [0, TOKENS])
        losses = token_losses(hidden, output_head(model), tokens)
        del hidden
        losses.sum().backward()
    sums = training_memory(Setting(shape, lora, dtype, TOKENS, mode), cuda=False)
    assert live.peak == pytest.approx(sums.activations + sums.working, rel=0.1)


@pytest.mark.long
def test_at_yues_widths_a_block_keeps_at_most_175_kib_a_token(memory: ModuleType) -> None:
    shape = dataclasses.replace(memory.S1, vocabulary=64)
    ours = memory.a_block(lambda s: memory.kept(s, memory.LORA, "none", 2), shape, 2)
    assert ours * 1024 == kept_by_block(Setting(shape, memory.LORA, "bfloat16", 2, "none"), "none")
    assert ours <= 175


@pytest.mark.long
def test_the_gpu_benchmark_runs_on_a_small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = script("train_h200")
    for name in ("yue, full checkpointing", "HF Trainer + PEFT"):
        row = bench.measure(name, tiny=True)
        assert row["tokens_per_second"] > 0
        assert row["name"] in bench.line(row)
