"""How much audio fits into a device's memory at once."""

from __future__ import annotations

import os

import torch

_SHARE = 0.6  # of what is free, since what a piece needs is an estimate
_MOST_ON_CPU = 64 << 20  # bytes; larger batches are slower there


def free_bytes(device: torch.device) -> int:
    """What activations may take on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(_SHARE * (free + cached))
    return min(_MOST_ON_CPU, int(_SHARE * _free_main_memory()))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a batch was too large."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The CPU's allocator has no error class of its own.
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)


def _free_main_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # no such figure on macOS
        return _MOST_ON_CPU
