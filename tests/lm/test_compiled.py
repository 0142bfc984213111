"""Compiled blocks: one program for all of them and for rows of any pieces, with true gradients."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model

from yue.lm import backends
from yue.lm.compiled import compile_blocks
from yue.lm.forward import hidden_states
from yue.lm.recompute import set_checkpointing


@pytest.mark.parametrize("mode", ["none", "full"])
def test_compiled_blocks_give_the_same_gradients(
    llama, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Traced and differentiated as on a GPU; only the last step, to machine code, is left out.
    monkeypatch.setitem(backends.BACKENDS, "sdpa", backends.by_piece)
    torch._dynamo.reset()
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    plain = get_peft_model(llama, config).train()
    compiled = copy.deepcopy(plain)
    set_checkpointing(compiled, mode)
    compile_blocks(compiled, backend="aot_eager")
    for marks in ([0, 12, 30], [0, 30], [0, 3, 9, 40]):
        tokens = torch.arange(marks[-1])
        gradients = []
        for model in (plain, compiled):
            model.zero_grad()
            hidden_states(model, tokens, marks).square().sum().backward()
            gradients.append([w.grad for w in model.parameters() if w.requires_grad])
        for one, two in zip(*gradients, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
