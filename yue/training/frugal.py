"""What ``auto`` means: how much to compute again, and whether to compile."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from yue.lm.modes import MODES
from yue.training.memory import FILLED, Setting, training_memory


def should_compile(wanted: str, *, device: str, zero_stage: int) -> bool:
    """Whether ``train.compile`` compiles here.

    Args:
        wanted: "auto", "always" or "never".
        device: "cpu" or "cuda".
        zero_stage: DeepSpeed's; stage 3 gathers weights around every layer, which no compiler can
            follow.
    """
    return wanted == "always" or (wanted == "auto" and device == "cuda" and zero_stage < 3)


def fitting_mode(setting: Setting, free: int, *, cuda: bool) -> str:
    """The checkpointing of least work whose peak fits; the most frugal if none does.

    Args:
        setting: What is trained; its own checkpointing is not read.
        free: Bytes of free memory, before the model is there.
        cuda: On a GPU.
    """
    for mode in MODES[:-1]:
        one = dataclasses.replace(setting, checkpointing=mode)
        if training_memory(one, cuda=cuda).peak < FILLED * free:
            return mode
    return MODES[-1]


def device_memory(device: torch.device) -> int:
    """Bytes that a process may fill: all of its GPU, or what is free of the main memory."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 2**63
