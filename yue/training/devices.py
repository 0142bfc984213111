"""How many training processes, and on what, without importing torch where there is no GPU."""

from __future__ import annotations

from pathlib import Path

from yue.errors import TrainingError

# Device files of NVIDIA, of NVIDIA under WSL, and of AMD.
_GPU_FILES = ("nvidia0", "dxg", "kfd")


def gpu_count() -> int:
    """Number of GPUs that this process may use."""
    if not any(Path("/dev", name).exists() for name in _GPU_FILES):
        return 0
    import torch

    return torch.cuda.device_count()


def choose_device(wanted: str, processes: int) -> tuple[str, int]:
    """The device and the number of processes.

    Args:
        wanted: ``runtime.device``: "auto", "cpu" or "cuda".
        processes: ``launch.processes``: 0 is one for each GPU, or one on the CPU.

    Returns:
        "cpu" or "cuda", and at least 1.

    Raises:
        TrainingError: There are fewer GPUs than that.
    """
    gpus = 0 if wanted == "cpu" else gpu_count()
    if wanted == "cuda" and not gpus:
        raise TrainingError(
            "runtime.device is cuda, but torch sees no GPU", fix="use runtime.device: auto or cpu"
        )
    if not gpus:
        return "cpu", max(processes, 1)
    if processes > gpus:
        raise TrainingError(
            f"launch.processes is {processes}, but there are {gpus} GPUs",
            why="each process trains on a GPU of its own",
            fix="use launch.processes: 0 for one process on each GPU",
        )
    return "cuda", processes or gpus
