"""Where to run: the recipe's word as a torch device."""

from __future__ import annotations

import torch

from yue.errors import YueError


def pick_device(wanted: str) -> str:
    """Resolve "auto", "cpu" or "cuda" to "cpu" or "cuda".

    Raises:
        YueError: CUDA is asked for and absent.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise YueError("runtime.device is cuda, but torch sees no GPU", fix="use auto or cpu")
    return wanted
