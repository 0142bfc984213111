"""Gradient checkpointing: the same gradients from fewer saved numbers."""

from __future__ import annotations

import copy

import torch
from peft import LoraConfig, get_peft_model

from tests.live_memory import LiveMemory
from yue.lm.base_facts import MODES
from yue.lm.forward import hidden_states, set_checkpointing

TOKENS = torch.arange(60)


def kept_and_gradients(base, mode: str) -> tuple[int, list[torch.Tensor]]:
    config = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.1, init_lora_weights=False)
    torch.manual_seed(0)
    model = get_peft_model(copy.deepcopy(base), config).train()
    set_checkpointing(model, mode)
    torch.manual_seed(1)
    with LiveMemory() as memory:
        output = hidden_states(model, TOKENS, [0, 20, 60])
    kept = memory.now
    output.square().sum().backward()
    return kept, [w.grad for w in model.parameters() if w.requires_grad]


def test_every_mode_gives_the_same_bits_and_keeps_less_than_the_one_before(llama) -> None:
    kept, gradients = zip(*(kept_and_gradients(llama, mode) for mode in MODES), strict=True)
    assert kept[0] > 1.5 * kept[1] > 3 * kept[2]
    for other in gradients[1:]:
        for one, two in zip(gradients[0], other, strict=True):
            assert one.any()
            assert torch.equal(one, two)
