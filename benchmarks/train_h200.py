"""LoRA training of YuE-s1-7B's shape on one GPU, against the HF Trainer with PEFT's defaults.

Random weights, rank 64 on all linear layers, full rows of 8192 tokens, bfloat16. Every line is a
process of its own, on the same machine, one after the other.

    python benchmarks/train_h200.py            # on a GPU; prints the table for RESULTS.md
    python benchmarks/train_h200.py --tiny     # a small model on a CPU: does it run at all
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from yue.costs.estimate import step_cost
from yue.costs.speed import measure_machine
from yue.lm.base_facts import ModelShape, llama_config, released_shape
from yue.recipe.model import Lora
from yue.recipe.read import default_recipe

TINY = ModelShape(512, 64, 128, 2, 4, 2, 16, 128, False)
VARIANTS = {
    "yue": {"mode": "none", "compiled": True},
    "yue, not compiled": {"mode": "none", "compiled": False},
    "yue, selective checkpointing": {"mode": "selective", "compiled": True},
    "yue, full checkpointing": {"mode": "full", "compiled": True},
    "HF Trainer + PEFT": {"mode": "none"},
    "HF Trainer + PEFT, checkpointing": {"mode": "full"},
}


@dataclasses.dataclass(frozen=True)
class Case:
    """What is trained."""

    shape: ModelShape
    lora: Lora
    tokens: int
    steps: int
    warmup: int
    device: torch.device
    dtype: str


def a_case(*, tiny: bool) -> Case:
    shape = TINY if tiny else released_shape("YuE-s1-7B-anneal-en-cot")
    lora = dataclasses.replace(default_recipe().lora, r=4 if tiny else 64, alpha=64)
    device = torch.device("cpu" if tiny else "cuda:0")
    length, steps = (64, 2) if tiny else (8192, 20)
    return Case(shape, lora, length, steps, 1 if tiny else 5, device, "bfloat16")


def base_model(case: Case) -> Any:
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, case.dtype))
    try:
        with case.device:
            return LlamaForCausalLM(llama_config(case.shape))
    finally:
        torch.set_default_dtype(torch.float32)


def random_rows(case: Case) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    count = case.steps + case.warmup
    return torch.randint(0, case.shape.vocabulary, (count, case.tokens), generator=generator)


def ours(case: Case, *, mode: str, compiled: bool) -> float:
    """Seconds of the steps by this project's objective on its DeepSpeed engine."""
    from yue.lm.forward import compile_blocks, set_checkpointing
    from yue.training.engine import deepspeed_config, start_distributed, start_engine
    from yue.training.lora import add_adapter
    from yue.training.losses import Objective

    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    os.environ.update(alone, MASTER_PORT=str(29000 + os.getpid() % 1000))
    start_distributed(case.device.type)
    model = add_adapter(base_model(case), case.lora, base_path="", seed=0)
    set_checkpointing(model, mode)
    compiled = compiled and case.device.type == "cuda"
    if compiled:
        compile_blocks(model)
    objective = Objective(model, sharded=False, kernel="compiled" if compiled else "eager")
    recipe = default_recipe()
    recipe = dataclasses.replace(
        recipe,
        model=dataclasses.replace(recipe.model, dtype=case.dtype),
        launch=dataclasses.replace(recipe.launch, zero_stage=1, offload="none"),
    )
    config = deepspeed_config(recipe, device=case.device.type, micro_batches=1)
    engine = start_engine(objective, config, recipe)
    rows = random_rows(case).to(case.device)
    begun = 0.0
    for number, row in enumerate(rows):
        if number == case.warmup:
            begun = now(case.device)
        losses = engine(row, (0, case.tokens), row.roll(-1))
        engine.backward(losses.mean())
        engine.step()
    return now(case.device) - begun


def trainer(case: Case, *, mode: str) -> float:
    """Seconds of the steps by the HF Trainer, with what it and PEFT do by default."""
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainerCallback, TrainingArguments

    config = LoraConfig(r=case.lora.r, lora_alpha=64, target_modules="all-linear")
    model = get_peft_model(base_model(case), config)
    rows = [{"input_ids": row, "labels": row} for row in random_rows(case)]
    times: dict[int, float] = {}

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            times[state.global_step] = now(case.device)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=1,
            max_steps=len(rows),
            bf16=True,
            gradient_checkpointing=mode == "full",
            use_cpu=case.device.type == "cpu",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        if mode == "full":
            model.enable_input_require_grads()
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Clock()]).train()
    return times[len(rows)] - times[case.warmup]


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()


def measure(name: str, *, tiny: bool) -> dict[str, Any]:
    """One line of the table, in this process."""
    case = a_case(tiny=tiny)
    machine = measure_machine(case.device, case.dtype)
    run = trainer if name.startswith("HF") else ours
    seconds = run(case, **VARIANTS[name])
    cost = step_cost(case.shape, case.lora).of((0, case.tokens), case.tokens)
    speed = case.tokens * case.steps / seconds
    tflops = speed * cost / case.tokens / 1e12
    cuda = case.device.type == "cuda"
    return {
        "name": name,
        "tokens_per_second": speed,
        "model_tflops": tflops,
        "mfu": tflops / machine.spec if machine.spec else None,
        "mfu_of_measured": tflops / machine.probe if machine.probe else None,
        "measured_tflops": machine.probe,
        "allocated": torch.cuda.max_memory_allocated() if cuda else None,
        "reserved": torch.cuda.max_memory_reserved() if cuda else None,
        "gpu": torch.cuda.get_device_name() if cuda else "cpu",
    }


def in_a_process(name: str, *, tiny: bool) -> dict[str, Any]:
    """Do the same in a process of its own; what fails says why."""
    command = [sys.executable, __file__, "--variant", name, *(["--tiny"] if tiny else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return {"name": name, "failed": (lines or ["killed"])[-1][:160]}
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"| {row['name']} | {row['failed']} | | | | | |"
    of_sheet, of_products = (
        "" if row[key] is None else f"{row[key]:.1%}" for key in ("mfu", "mfu_of_measured")
    )
    memory = [f"{row[part] / 1e9:.1f}" if row[part] else "" for part in ("allocated", "reserved")]
    return (
        f"| {row['name']} | {row['tokens_per_second']:,.0f} | {row['model_tflops']:.3g} "
        f"| {of_sheet} | {of_products} | {' | '.join(memory)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--variant", choices=list(VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    args = parser.parse_args()
    if args.variant:
        print(json.dumps(measure(args.variant, tiny=args.tiny)))
        return
    rows = []
    print("| | tokens/s | TFLOP/s | MFU, spec | MFU, measured | allocated GB | reserved GB |")
    print("|---|---|---|---|---|---|---|")
    for name in VARIANTS:
        rows.append(in_a_process(name, tiny=args.tiny))
        print(line(rows[-1]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
