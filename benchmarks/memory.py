"""Memory of training, counted and measured on a CPU.

Counted: bytes that one block of YuE-s1-7B's widths keeps of a token for the backward pass, as the
difference of a model of two blocks and one of one, each storage once; by default settings here and
by PEFT's defaults. Measured: the resident memory that a real step of a smaller model takes,
against ``yue estimate``'s sums.

    python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from yue.costs.memory import Setting, training_memory
from yue.lm.base_facts import ModelShape, llama_config, released_shape
from yue.lm.forward import hidden_states, output_head, set_checkpointing
from yue.lm.loss import token_losses
from yue.recipe.model import Lora
from yue.training.lora import add_adapter

sys.path.append(str(Path(__file__).parents[1]))
from tests.live_memory import LiveMemory

S1 = released_shape("YuE-s1-7B-anneal-en-cot")
QKVO = ("q_proj", "k_proj", "v_proj", "o_proj")
LORA = Lora(
    r=64,
    alpha=64,
    dropout=0.0,
    rslora=True,
    target_modules="all-linear",
    dora=False,
    init="zero",
    lr_ratio=1.0,
    modules_to_save=(),
    qlora=False,
)


def llama(shape: ModelShape, dtype: torch.dtype, *, filled: bool = False) -> Any:
    """Make a Llama of this shape; its weights are zeros that take no memory, or filled."""
    from transformers import LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(llama_config(shape)).to(dtype)
    model = model.to_empty(device="cpu")
    for tensor in [*model.parameters(), *model.buffers()] if filled else ():
        torch.nn.init.normal_(tensor.data, std=0.02)
    return model


def kept(
    shape: ModelShape, lora: Lora, mode: str, tokens: int, dtype: torch.dtype = torch.bfloat16
) -> int:
    """Bytes that our forward pass keeps."""
    model = add_adapter(llama(shape, dtype), lora, base_path="", seed=0).train()
    set_checkpointing(model, mode)
    with LiveMemory() as memory:
        output = hidden_states(model, torch.zeros(tokens, dtype=torch.int64), [0, tokens])
        assert output.requires_grad  # and with it lives all that it needs
        gc.collect()  # what only a cycle of references holds is not kept
        return memory.now


def kept_by_peft(shape: ModelShape, lora: Lora, tokens: int) -> int:
    """Bytes that Transformers and PEFT keep by their defaults."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=lora.r, lora_alpha=lora.alpha, target_modules="all-linear")
    config.lora_dropout = lora.dropout
    if lora.target_modules != "all-linear":
        config.target_modules = set(lora.target_modules)
    model = get_peft_model(llama(shape, torch.bfloat16), config).train()
    inner = model.get_base_model().model
    with LiveMemory() as memory:
        output = inner(torch.zeros(1, tokens, dtype=torch.int64), use_cache=False)
        assert output.last_hidden_state.requires_grad
        return memory.now


def a_block(count: Any, shape: ModelShape, tokens: int) -> float:
    """KiB a token of one block: two blocks minus one."""
    one, two = (count(dataclasses.replace(shape, layers=layers)) for layers in (1, 2))
    return (two - one) / tokens / 1024


def count_blocks(shape: ModelShape, tokens: int) -> dict[str, float]:
    """KiB a token and block, by setting."""
    half = dataclasses.replace(shape, vocabulary=64)
    upstream = dataclasses.replace(LORA, target_modules=QKVO, dropout=0.1)
    settings = {
        "default (all-linear, rank 64, bfloat16 adapters)": (kept, (LORA, "none")),
        "default, selective checkpointing": (kept, (LORA, "selective")),
        "default, full checkpointing": (kept, (LORA, "full")),
        "PEFT's defaults (all-linear, float32 adapters)": (kept_by_peft, (LORA,)),
        "PEFT with upstream YuE's q, k, v, o, dropout 0.1": (kept_by_peft, (upstream,)),
    }
    return {
        name: a_block(lambda s, f=function, a=args: f(s, *a, tokens), half, tokens)
        for name, (function, args) in settings.items()
    }


def status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in /proc/self/status")


STEP = ModelShape(8192, 1024, 2752, 6, 16, 2, 64, 4096, False)


def measured_step(mode: str, tokens: int) -> tuple[int, int]:
    """Resident bytes that a real step adds at its peak, and what the estimate says."""
    shape = STEP
    lora = dataclasses.replace(LORA, r=16)
    run_step(dataclasses.replace(shape, layers=1, vocabulary=64), lora, mode, 32)  # libraries
    before = status("VmRSS")
    run_step(shape, lora, mode, tokens)
    setting = Setting(shape, lora, "float32", tokens, mode, zero_stage=0)
    return status("VmHWM") - before, training_memory(setting, cuda=False).peak


def run_step(shape: ModelShape, lora: Lora, mode: str, tokens: int) -> None:
    model = add_adapter(llama(shape, torch.float32, filled=True), lora, base_path="", seed=0)
    set_checkpointing(model.train(), mode)
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad])
    for _ in range(2):  # the moments are there from the second step on
        ids = torch.randint(0, shape.vocabulary, (tokens,))
        hidden = hidden_states(model, ids, [0, tokens])
        losses = token_losses(hidden, output_head(model), ids.roll(-1))
        del hidden
        losses.mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--step-tokens", type=int, default=1024)
    args = parser.parse_args()
    if args.step:
        print(*measured_step(args.step, args.step_tokens))
        return
    print("| a block of YuE-s1-7B keeps | KiB a token |\n|---|---|")
    for name, value in count_blocks(S1, args.tokens).items():
        print(f"| {name} | {value:.1f} |", flush=True)
    print("\n| checkpointing | measured MiB | estimated MiB | off by |\n|---|---|---|---|")
    # Blocks above 1 MiB go back to the kernel at once, as in no allocator's reserve.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**20)}
    for mode in ("none", "selective", "full"):
        command = [sys.executable, __file__, "--step", mode, "--step-tokens", str(args.step_tokens)]
        out = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        found, said = (int(word) for word in out.stdout.split()[-2:])
        print(f"| {mode} | {found / 2**20:,.0f} | {said / 2**20:,.0f} | {said / found - 1:+.1%} |")


if __name__ == "__main__":
    main()
