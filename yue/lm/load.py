"""The base model from its folder, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from yue.errors import YueError
from yue.lm.attention import use_packed_attention
from yue.lm.base import read_base

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


def load_base(
    path: Path, *, dtype: str, device: str, needed_rows: int = 0, four_bits: bool = False
) -> LlamaForCausalLM:
    """Load a base model for :func:`yue.lm.forward.hidden_states`.

    Args:
        path: A Hugging Face folder of a Llama model with safetensors weights.
        dtype: "float32" or "bfloat16".
        device: A torch device.
        needed_rows: Rows that its vocabulary must have at least.
        four_bits: Hold the blocks' weights in 4 bits.

    Raises:
        YueError: There is no such model, it is damaged, of another kind or of a smaller vocabulary.
    """
    read_base(path, needed_rows=needed_rows)
    from safetensors import SafetensorError
    from transformers import LlamaForCausalLM
    from transformers.utils.logging import disable_progress_bar

    extra = {}
    if four_bits:
        from yue.lm.quantize import four_bit_config

        extra = {"quantization_config": four_bit_config(dtype), "device_map": {"": device}}
    disable_progress_bar()  # it is drawn even where there is no terminal
    try:
        model, report = LlamaForCausalLM.from_pretrained(
            path,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **extra,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise YueError(
            f"cannot load the base model in {path}: {str(error).splitlines()[0]}",
            fix="fetch or make it again",
        ) from error
    # Transformers only warns, and fills what is missing with random numbers.
    if report["missing_keys"]:
        raise YueError(
            f"{path}: {len(report['missing_keys'])} weights are missing,"
            f" such as {min(report['missing_keys'])}",
            fix="fetch or make the base model again",
        )
    use_packed_attention(model)
    return model if four_bits else model.to(device)
