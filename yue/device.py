"""Which device computes: the recipe's word as a torch device, and how many GPUs there are."""

from __future__ import annotations

from pathlib import Path

from yue.errors import YueError

# Device files of NVIDIA (a container may have the third GPU alone), of its Jetson boards, of
# NVIDIA under WSL, and of AMD. Importing torch only to find no GPU takes seconds.
_GPU_FILES = ("nvidia[0-9]*", "nvhost-gpu", "dxg", "kfd")


def gpu_count() -> int:
    """Count the GPUs that this process may use, without importing torch where there is none."""
    if not any(any(Path("/dev").glob(pattern)) for pattern in _GPU_FILES):
        return 0
    import torch

    return torch.cuda.device_count()


def pick_device(wanted: str) -> str:
    """Resolve "auto" to "cpu" or "cuda", and leave another device as it is.

    Raises:
        YueError: CUDA is asked for and absent.
    """
    if wanted == "auto":
        return "cuda" if gpu_count() else "cpu"
    if wanted == "cuda" and not gpu_count():
        raise YueError(
            "runtime.device is cuda, but torch sees no GPU", fix="use runtime.device: auto or cpu"
        )
    return wanted
