"""How fast a run is, against what its machine can do: by its data sheet, and as measured here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yue.costs.estimate import StepCost, spec_tflops

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Machine:
    """What one process's device can do, in 10^12 operations a second.

    Attributes:
        spec: By its data sheet, bfloat16; None where it is not known.
        probe: Of large products, measured, in the run's own type; None on a CPU, whose cores other
            work shares and whose small products fit its caches, so that a share of it says nothing.
    """

    spec: float | None
    probe: float | None


@dataclass(frozen=True)
class Throughput:
    """How fast the steps of a run were, validation and saving not counted.

    Attributes:
        tokens: Tokens a second, over all processes.
        useful_tokens: Tokens that had a loss, likewise.
        tflops: 10^12 operations of the model a second, of one process; see
            :mod:`yue.costs.estimate`.
        mfu: ``tflops`` as a share of the data sheet's, or None.
        mfu_probe: ``tflops`` as a share of the measured products', or None.
    """

    tokens: float
    useful_tokens: float
    tflops: float
    mfu: float | None
    mfu_probe: float | None


class Meter:
    """Adds up steps. The first is left out once there are others: it compiles and sets up.

    Args:
        machine: What one process's device can do.
        cost: Of a forward and a backward pass.
        processes: How many train together.
    """

    def __init__(self, machine: Machine, cost: StepCost, processes: int) -> None:
        self.machine, self.cost, self._processes = machine, cost, processes
        self.steps = 0
        self._sums = (0.0, 0.0, 0.0, 0.0)

    def add(self, seconds: float, tokens: float, useful_tokens: float, operations: float) -> None:
        """Add a step, in sums over all processes."""
        new = (seconds, tokens, useful_tokens, operations)
        kept = self._sums if self.steps != 1 else (0.0, 0.0, 0.0, 0.0)
        self._sums = tuple(a + b for a, b in zip(kept, new, strict=True))  # type: ignore[assignment]
        self.steps += 1

    @property
    def step_seconds(self) -> float:
        """Mean time of a step."""
        return self._sums[0] / max(self.steps - 1, 1)

    @property
    def throughput(self) -> Throughput:
        """Speed of the steps so far."""
        seconds, tokens, useful, operations = self._sums
        seconds = max(seconds, 1e-9)
        tflops = operations / seconds / self._processes / 1e12
        return Throughput(
            tokens=tokens / seconds,
            useful_tokens=useful / seconds,
            tflops=tflops,
            mfu=tflops / self.machine.spec if self.machine.spec else None,
            mfu_probe=tflops / self.machine.probe if self.machine.probe else None,
        )


# On one H200, products of 8192 give 769 to 798 TFLOP/s; the data sheet says 989.
_SIZE = 8192
_SECONDS = 3.0


def matmul_tflops(
    device: torch.device, dtype: torch.dtype, size: int = _SIZE, limit: float = _SECONDS
) -> float:
    """Measure large square products of random numbers, in 10^12 operations a second.

    Sustained for 3 s: clocks fall under load, and zeros would be faster than any numbers.

    Args:
        device: A GPU.
        dtype: Of the numbers.
        size: Of the matrices.
        limit: Seconds.
    """
    import torch

    generator = torch.Generator(device).manual_seed(0)
    left, right = (
        torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2)
    )
    out = torch.empty_like(left)
    _product_seconds(left, right, out)  # the first call sets up
    times = [_product_seconds(left, right, out)]
    begun = time.monotonic()
    while time.monotonic() - begun < limit:
        times.append(_product_seconds(left, right, out))
    half = times[len(times) // 2 :]
    return 2 * size**3 * len(half) / sum(half) / 1e12


def _product_seconds(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> float:
    import torch

    begun = time.monotonic()
    torch.mm(left, right, out=out)
    if out.is_cuda:
        torch.cuda.synchronize(out.device)
    return time.monotonic() - begun


def measure_machine(device: torch.device, dtype: str) -> Machine:
    """Measure what this process's device can do; nothing is measured on a CPU.

    Args:
        device: The device.
        dtype: "float32" or "bfloat16".
    """
    if device.type != "cuda":
        return Machine(spec=None, probe=None)
    import torch

    name = torch.cuda.get_device_name(device)
    return Machine(spec_tflops(name), matmul_tflops(device, getattr(torch, dtype)))
