"""Trainable weights and what their optimizer keeps, whole: taken from any sharding, put into any.

DeepSpeed's own checkpoints belong to a number of processes and a ZeRO stage. What is
trained here is an adapter, small enough to be gathered in the first process by the parameters'
names; the frozen base model is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from yue.errors import TrainingError

MOMENTS = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


@dataclass
class Snapshot:
    """Weights and optimizer at a step; float32, on the CPU.

    Attributes:
        weights: The masters, by the parameter's name.
        moments: AdamW's moments by kind and name; none before the first step.
        steps: How many steps the optimizer has done.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    steps: int = 0


def take_snapshot(engine: Any, module: nn.Module, *, keep: bool) -> Snapshot:
    """Gather everything; every process must call it.

    Args:
        engine: DeepSpeed's engine.
        module: Whose trainable parameters are taken.
        keep: Whether this process wants it; the others help and get nothing.
    """
    found = Snapshot(steps=_steps(engine))
    kinds = MOMENTS if found.steps else ()
    found.moments = {kind: {} for kind in kinds}
    _link_moments(engine, module)
    for name, weight in _trainable(module):
        master = full_weight(weight)
        if keep:
            found.weights[name] = _copy(master)
        for kind in kinds:
            moment = _full_moment(engine, weight, kind)
            if keep and moment is not None:
                found.moments[kind][name] = _copy(moment)
    return found


def put_snapshot(engine: Any, module: nn.Module, snapshot: Snapshot) -> None:
    """Set everything; every process must call it, each with the whole snapshot.

    Raises:
        TrainingError: The snapshot is of other parameters.
    """
    trainable = dict(_trainable(module))
    shapes = {name: _shape(weight) for name, weight in trainable.items()}
    if shapes != {name: tuple(weight.shape) for name, weight in snapshot.weights.items()}:
        raise TrainingError(
            "the checkpoint holds other weights than those that learn now",
            why="it is of an adapter of another shape, or it is damaged",
            fix="yue checkpoints   # lists them, and says how to remove one",
        )
    if snapshot.steps:
        _start_optimizer(engine, snapshot.steps)
        _link_moments(engine, module)
    for name, weight in trainable.items():
        value = snapshot.weights[name]
        _set_part(engine, weight, value, None)
        _set_used(weight, value)
        if snapshot.steps:
            for kind in MOMENTS:
                moment = snapshot.moments[kind].get(name)
                if moment is not None:  # a weight that never had a gradient
                    _set_part(engine, weight, moment, kind)


def _trainable(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, weight) for name, weight in module.named_parameters() if weight.requires_grad)


def _copy(value: Tensor) -> Tensor:
    return value.detach().to("cpu", torch.float32, copy=True).contiguous()


def _shape(weight: Any) -> tuple[int, ...]:
    return tuple(getattr(weight, "ds_shape", weight.shape))  # ZeRO 3 leaves an empty tensor


def _adamw(engine: Any) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer within DeepSpeed's, or alone without ZeRO."""
    found = engine.optimizer
    while not isinstance(found, torch.optim.Optimizer):
        found = found.optimizer
    return found


def _optimizer_tensors(engine: Any) -> list[Tensor]:
    """Return the tensors that PyTorch's optimizer has: weights, or this process's parts of them."""
    sharded = getattr(engine.optimizer, "fp32_partitioned_groups_flat", None)  # ZeRO 3
    if sharded is not None:
        return list(sharded)
    return [part for group in _adamw(engine).param_groups for part in group["params"]]


def _steps(engine: Any) -> int:
    """Count the steps done; every tensor was in each of them."""
    states = _adamw(engine).state.values()
    return max((int(state["step"]) for state in states if "step" in state), default=0)


def _full_moment(engine: Any, weight: nn.Parameter, kind: str) -> Tensor | None:
    from deepspeed.utils import safe_get_full_optimizer_state

    if _is_whole(weight):
        found: Tensor | None = _adamw(engine).state.get(weight, {}).get(kind)
        return found
    moment: Tensor | None = safe_get_full_optimizer_state(weight, kind)
    return moment


def _is_whole(weight: Any) -> bool:
    """Whether PyTorch's optimizer has the weight itself, and no part of a flat copy."""
    return not hasattr(weight, "ds_id") and not hasattr(weight, "_hp_mapping")


def _start_optimizer(engine: Any, steps: int) -> None:
    """Give the optimizer the state that it makes in its first step, as of a later one."""
    optimizer = _adamw(engine)
    for part in _optimizer_tensors(engine):
        state = optimizer.state[part]
        for kind in MOMENTS:
            if kind not in state:
                state[kind] = torch.zeros_like(part.data)
        if "step" in state:
            state["step"].fill_(steps)
        else:
            state["step"] = torch.tensor(float(steps), dtype=torch.float32)


def _link_moments(engine: Any, module: nn.Module) -> None:
    """Show each weight which part of the flat moments is its own (ZeRO 1 and 2).

    DeepSpeed does so after its step of the first group of weights, when other groups (LoRA+) have
    no moments yet, and not again.
    """
    optimizer = _adamw(engine)
    for _, weight in _trainable(module):
        mapping = getattr(weight, "_hp_mapping", None)
        if mapping is not None:
            (flat,) = optimizer.param_groups[mapping.param_group_index]["params"]
            mapping.set_optim_state_fragment(flat, optimizer.state[flat])


def _set_part(engine: Any, weight: Any, value: Tensor, kind: str | None) -> None:
    """Set a master (kind None) or a moment, or this process's part of it."""
    from deepspeed.utils import (
        safe_set_full_fp32_param,
        safe_set_full_optimizer_state,
        safe_set_local_fp32_param,
        safe_set_local_optimizer_state,
    )

    if _is_whole(weight):
        if kind is not None:
            _adamw(engine).state[weight][kind].copy_(value)
        return  # without a kind, the weight is its own master
    sharded = hasattr(weight, "ds_id")
    part = _own_part(weight, value) if sharded else value
    if kind is None:
        (safe_set_local_fp32_param if sharded else safe_set_full_fp32_param)(weight, part)
    elif sharded:
        safe_set_local_optimizer_state(weight, part, kind)
    else:
        safe_set_full_optimizer_state(weight, part, kind)


def _set_used(weight: Any, value: Tensor) -> None:
    """Set the weight that forward passes use, in the model's own type."""
    with torch.no_grad():
        if hasattr(weight, "ds_id"):
            weight.ds_tensor.copy_(_own_part(weight, value))
        if _shape(weight) == tuple(weight.shape):  # of ZeRO 3, small ones only
            weight.copy_(value)


def _own_part(weight: Any, value: Tensor) -> Tensor:
    """Return this process's part of a weight by ZeRO 3: equal parts, the last one padded."""
    size, rank = weight.ds_tensor.numel(), torch.distributed.get_rank()
    part = torch.zeros(size, dtype=value.dtype)
    own = value.flatten()[rank * size : (rank + 1) * size]
    part[: own.numel()] = own
    return part


def full_weights(engine: Any, module: nn.Module) -> dict[str, Tensor]:
    """Return trainable weights, whole and in float32, by name; every process must call it."""
    trainable = ((name, w) for name, w in module.named_parameters() if w.requires_grad)
    return {name: full_weight(weight).detach().float().cpu() for name, weight in trainable}


def full_weight(weight: nn.Parameter) -> Tensor:
    """Return the master of one weight, whole, on its device; every process must call it."""
    from deepspeed.utils import safe_get_full_fp32_param

    master: Tensor | None = safe_get_full_fp32_param(weight)
    return weight if master is None else master
