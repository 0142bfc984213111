"""Where to run: the recipe's word as a torch device."""

from __future__ import annotations

from yue.errors import GenerationError


def pick_device(wanted: str) -> str:
    """Resolve "auto", "cpu" or "cuda" to "cpu" or "cuda".

    Raises:
        GenerationError: CUDA is asked for and absent.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise GenerationError(
            "runtime.device is cuda, but torch sees no GPU", fix="use auto or cpu"
        )
    return wanted
