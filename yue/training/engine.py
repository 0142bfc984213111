"""DeepSpeed: its configuration from the recipe, and the engine."""

from __future__ import annotations

import importlib
import os
from typing import Any

import torch
from torch import Tensor, nn

from yue.recipe.model import Train
from yue.training.world import World

_NEVER = 2**31


def deepspeed_config(
    train: Train, *, zero_stage: int, micro_batches: int, dtype: str, device: str
) -> dict[str, Any]:
    """DeepSpeed's configuration.

    Args:
        train: The recipe's section.
        zero_stage: 0 shards nothing; 1 optimizer states, 2 gradients too, 3 weights too.
        micro_batches: Forward passes of a step.
        dtype: "float32", or "bfloat16", then with float32 masters of what learns.
        device: "cpu" or "cuda".
    """
    low = dtype == "bfloat16"
    if low:
        # Without ZeRO, DeepSpeed would add up gradients in bfloat16; stage 1 keeps float32.
        zero_stage = max(zero_stage, 1)
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,  # one packed sequence
        "gradient_accumulation_steps": micro_batches,
        "gradient_clipping": train.max_grad_norm,
        "zero_optimization": {"stage": zero_stage, "overlap_comm": device == "cuda"},
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": low},
        "steps_per_print": _NEVER,
    }
    if low:
        config["communication_data_type"] = "fp32"
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return config


def start_distributed(device: str) -> World:
    """Join the other processes; the launcher's environment says where they are."""
    import deepspeed

    if device == "cpu":
        # At its start on a CPU, DeepSpeed compiles an operation for all-reduce in shared memory
        # (over a minute, and only of use to several processes on one host). It asks this table
        # whether the machine can build it; an empty table also spares the probes of all the others.
        deepspeed.ops.__compatible_ops__ = {}
    accelerator, local_rank = deepspeed.get_accelerator(), int(os.environ["LOCAL_RANK"])
    accelerator.set_device(local_rank)
    deepspeed.init_distributed(verbose=False)
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return World(rank, size, torch.device(accelerator.device_name(local_rank)))


def start_engine(module: nn.Module, config: dict[str, Any], train: Train) -> Any:
    """DeepSpeed's engine around the module; what requires a gradient learns, by AdamW."""
    import deepspeed

    _import_muon_quickly()
    learning = [weight for weight in module.parameters() if weight.requires_grad]
    # PyTorch's own AdamW: DeepSpeed's are compiled at the start and gain nothing for an adapter.
    optimizer = torch.optim.AdamW(learning, lr=train.lr, weight_decay=train.weight_decay)
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config)
    return engine


def _import_muon_quickly() -> None:
    """Import DeepSpeed's Muon without compiling it.

    To know whether the optimizer is Muon, which it never is here, DeepSpeed imports it, and the
    decorators of its kernels load PyTorch's compiler: two seconds.
    """
    from deepspeed.runtime import compiler

    compile_kernel = compiler.compile
    compiler.compile = lambda: compiler.dummy_decorator
    try:
        importlib.import_module("deepspeed.runtime.zero.muon.muon_optimizer")
    finally:
        compiler.compile = compile_kernel


def set_learning_rate(engine: Any, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in engine.optimizer.param_groups:
        group["lr"] = rate


def full_weights(engine: Any, module: nn.Module) -> dict[str, Tensor]:
    """What learns, in full and in float32, by name; every process must call it."""
    from deepspeed.utils import safe_get_full_fp32_param

    weights = {}
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            master = safe_get_full_fp32_param(weight)
            weights[name] = (weight if master is None else master).detach().float().cpu()
    return weights
