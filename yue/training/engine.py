"""DeepSpeed: its configuration from the recipe, its start, the engine; what ``auto`` means."""

from __future__ import annotations

import dataclasses
import importlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import nn

from yue.costs.memory import BUCKET, FILLED, Setting, training_memory
from yue.distributed import World
from yue.errors import TrainingError
from yue.lm.base_facts import MODES
from yue.recipe.model import Recipe


def should_compile(wanted: str, *, device: str, zero_stage: int) -> bool:
    """Tell whether ``train.compile`` compiles here.

    Args:
        wanted: "auto", "always" or "never".
        device: "cpu" or "cuda".
        zero_stage: DeepSpeed's; stage 3 gathers weights around every layer, which no compiler can
            follow.
    """
    return wanted == "always" or (wanted == "auto" and device == "cuda" and zero_stage < 3)


def fitting_mode(setting: Setting, free: int, *, cuda: bool) -> str:
    """Return the checkpointing of least work whose peak fits; the most frugal if none does.

    Args:
        setting: What is trained; its own checkpointing is not read.
        free: Bytes of free memory, before the model is there.
        cuda: On a GPU.
    """
    # Full checkpointing takes 42 % more arithmetic (7B model, rows of 8192), and a block then keeps
    # 8 KiB of a token in place of 153; selective keeps 86 (benchmarks/RESULTS.md).
    for mode in MODES[:-1]:
        one = dataclasses.replace(setting, checkpointing=mode)
        if training_memory(one, cuda=cuda).peak < FILLED * free:
            return mode
    return MODES[-1]


def device_memory(device: torch.device) -> int:
    """Return the bytes that a process may fill: all of its GPU, or what main memory has free."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 2**63


_NEVER = 2**31
_RATIO = "lr_ratio"  # of a group's learning rate to the schedule's


def deepspeed_config(recipe: Recipe, *, device: str, micro_batches: int) -> dict[str, Any]:
    """Return DeepSpeed's configuration.

    Args:
        recipe: Its sections ``train``, ``launch`` and ``model`` are read. Of ZeRO, stage 0 shards
            nothing; 1 optimizer states, 2 gradients too, 3 weights too.
        device: "cpu" or "cuda".
        micro_batches: Forward passes of a step.
    """
    zero_stage, offload = recipe.launch.zero_stage, recipe.launch.offload
    low = recipe.model.dtype == "bfloat16"
    if low:
        # Without ZeRO, DeepSpeed would add up gradients in bfloat16, whose steps are 1/256 of a
        # value: small updates would round away. Stage 1 keeps float32.
        zero_stage = max(zero_stage, 1)
    zero: dict[str, Any] = {"stage": zero_stage, "overlap_comm": device == "cuda"}
    # DeepSpeed holds two of these; by its default each takes 2 GB, for any adapter.
    zero |= {"reduce_bucket_size": BUCKET, "allgather_bucket_size": BUCKET}
    place = {"device": "cpu", "pin_memory": device == "cuda"}
    if offload != "none":
        zero["offload_optimizer"] = place
    if offload == "all":
        zero["offload_param"] = place
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,  # one packed sequence of micro_batch_size rows
        "gradient_accumulation_steps": micro_batches,
        "gradient_clipping": recipe.train.max_grad_norm,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": low},
        "steps_per_print": _NEVER,
    }
    if low:
        config["communication_data_type"] = "fp32"
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return config


def check_config(config: dict[str, Any]) -> None:
    """Have DeepSpeed read a configuration, and check that it understood what was meant.

    Raises:
        TrainingError: It refuses a key or a value, or reads another meaning from it.
    """
    from deepspeed.runtime.config import DeepSpeedConfig

    zero = config["zero_optimization"]
    meant = {
        "zero_optimization_stage": zero["stage"],
        "gradient_accumulation_steps": config["gradient_accumulation_steps"],
        "gradient_clipping": config["gradient_clipping"],
        "bfloat16_config.enabled": config["bf16"]["enabled"],
        "zero_config.offload_optimizer.device": zero.get("offload_optimizer", {}).get("device"),
        "zero_config.offload_param.device": zero.get("offload_param", {}).get("device"),
    }
    try:
        read = DeepSpeedConfig(dict(config))
    except (AssertionError, ValueError) as error:
        raise TrainingError(f"DeepSpeed refuses its configuration: {error}") from error
    for path, value in meant.items():
        found: Any = read
        for name in path.split("."):
            found = getattr(found, name, None)
        if found != value:
            raise TrainingError(f"DeepSpeed reads {path} as {found}, not as {value}")


def start_distributed(device: str) -> World:
    """Join the other processes; the launcher's environment says where they are."""
    # Not every launcher hands the environment on to other hosts.
    os.environ.setdefault("DS_ACCELERATOR", device)
    import deepspeed

    if device == "cpu":
        # At its start on a CPU, DeepSpeed compiles an operation for all-reduce in shared memory
        # (over a minute, and only of use to several processes on one host). It asks this table
        # whether the machine can build it; an empty table also spares the probes of all the others.
        deepspeed.ops.__compatible_ops__ = {}
    accelerator, local_rank = deepspeed.get_accelerator(), int(os.environ["LOCAL_RANK"])
    accelerator.set_device(local_rank)
    # Long, since the others wait while the first process makes samples (hundreds of seconds by a
    # model of 7 billion); the launcher ends them if it dies.
    deepspeed.init_distributed(verbose=False, timeout=timedelta(hours=3))
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    return World(rank, size, torch.device(accelerator.device_name(local_rank)))


def start_engine(module: nn.Module, config: dict[str, Any], recipe: Recipe) -> Any:
    """Put DeepSpeed's engine around a module; what requires a gradient is trained by AdamW.

    Args:
        module: What is trained.
        config: See :func:`deepspeed_config`.
        recipe: Its learning rates and weight decay are read.
    """
    import deepspeed

    _import_muon_quickly()
    # PyTorch's own AdamW: DeepSpeed's are compiled at the start and gain nothing for an adapter.
    optimizer = torch.optim.AdamW(
        _groups(module, recipe.lora.lr_ratio),
        lr=recipe.train.lr,
        weight_decay=recipe.train.weight_decay,
    )
    engine, *_ = deepspeed.initialize(model=module, optimizer=optimizer, config=config)
    return engine


def _groups(module: nn.Module, lr_ratio: float) -> list[dict[str, Any]]:
    """Return the trainable weights by learning rate."""
    trainable = [
        (name, weight) for name, weight in module.named_parameters() if weight.requires_grad
    ]
    fast = [weight for name, weight in trainable if lr_ratio != 1 and ".lora_B." in name]
    known = {id(weight) for weight in fast}
    plain = [weight for _, weight in trainable if id(weight) not in known]
    groups = [{"params": plain, _RATIO: 1.0}, {"params": fast, _RATIO: lr_ratio}]
    return [group for group in groups if group["params"]]


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
        group["lr"] = rate * group.get(_RATIO, 1.0)
