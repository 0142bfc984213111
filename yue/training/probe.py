"""How fast this very machine multiplies matrices."""

from __future__ import annotations

import time

import torch

from yue.training.gpus import spec_tflops
from yue.training.speed import Machine

_SIZE = 8192
_SECONDS = 3.0


def matmul_tflops(
    device: torch.device, dtype: torch.dtype, size: int = _SIZE, limit: float = _SECONDS
) -> float:
    """Speed of large square products of random numbers, in 10^12 operations a second.

    Sustained for 3 s: clocks fall under load, and zeros would be faster than any numbers.

    Args:
        device: A GPU.
        dtype: Of the numbers.
        size: Of the matrices.
        limit: Seconds.
    """
    generator = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2)
    )
    out = torch.empty_like(left)
    _timed(left, right, out)  # the first call sets up
    times = [_timed(left, right, out)]
    begun = time.monotonic()
    while time.monotonic() - begun < limit:
        times.append(_timed(left, right, out))
    half = times[len(times) // 2 :]
    return 2 * size**3 * len(half) / sum(half) / 1e12


def _timed(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> float:
    begun = time.monotonic()
    torch.mm(left, right, out=out)
    if out.is_cuda:
        torch.cuda.synchronize(out.device)
    return time.monotonic() - begun


def measure_machine(device: torch.device, dtype: str) -> Machine:
    """What this process's device can do; nothing is said of a CPU.

    Args:
        device: The device.
        dtype: "float32" or "bfloat16".
    """
    if device.type != "cuda":
        return Machine(spec=None, probe=None)
    name = torch.cuda.get_device_name(device)
    return Machine(spec_tflops(name), matmul_tflops(device, getattr(torch, dtype)))
