"""What well-known GPUs can do, by their makers' data sheets."""

from __future__ import annotations

from dataclasses import dataclass

from yue.errors import UsageError


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: What estimates call it.
        words: What its driver's name contains, in lower case.
        tflops: Dense bfloat16 products added up in float32, in 10^12 operations a second.
        memory: Bytes that programs can use, about.
    """

    name: str
    words: tuple[str, ...]
    tflops: float
    memory: int


def _gib(value: float) -> int:
    return int(value * 2**30)


GPUS = (
    Gpu("B200", ("b200",), 2250, _gib(178)),
    Gpu("H200", ("h200",), 989, _gib(139.8)),
    Gpu("H100-PCIe", ("h100", "pcie"), 756, _gib(79.2)),
    Gpu("H100", ("h100",), 989, _gib(79.2)),
    Gpu("MI300X", ("mi300x",), 1307, _gib(191)),
    Gpu("A100-80GB", ("a100", "80gb"), 312, _gib(79.2)),
    Gpu("A100-40GB", ("a100",), 312, _gib(39.4)),
    Gpu("L40S", ("l40s",), 362, _gib(44.5)),
    Gpu("RTX-6000-Ada", ("rtx 6000 ada",), 364, _gib(47.4)),
    Gpu("A6000", ("a6000",), 155, _gib(47.4)),
    Gpu("A10", ("a10",), 125, _gib(22.1)),
    Gpu("L4", ("l4",), 121, _gib(22.1)),
    Gpu("RTX-5090", ("rtx 5090",), 210, _gib(31.4)),
    Gpu("RTX-4090", ("rtx 4090",), 165, _gib(23.5)),
    Gpu("RTX-3090", ("rtx 3090",), 71, _gib(23.5)),
)
"""More special names first."""


def find_gpu(name: str) -> Gpu:
    """A GPU by its name here, in any case.

    Raises:
        UsageError: It is not known.
    """
    plain = name.lower().replace(" ", "-").replace("_", "-")
    for gpu in GPUS:
        if gpu.name.lower() == plain:
            return gpu
    raise UsageError(
        f"no GPU {name!r} is known", fix=f"use one of {', '.join(gpu.name for gpu in GPUS)}"
    )


def spec_tflops(driver_name: str) -> float | None:
    """Dense bfloat16 speed of a GPU by its driver's name; None where it is not known."""
    words = driver_name.lower().replace("-", " ")
    for gpu in GPUS:
        if all(f" {word} " in f" {words} " for word in gpu.words):
            return gpu.tflops
    return None
