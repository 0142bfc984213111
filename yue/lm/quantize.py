"""A base model held in 4 bits (QLoRA), by bitsandbytes."""

from __future__ import annotations

import importlib.util
from typing import Any

from yue.errors import YueError


def check_quantizer() -> None:
    """Check that bitsandbytes is there, without importing it.

    Raises:
        YueError: It is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise YueError(
            "lora.qlora is on, but the package bitsandbytes is not installed",
            fix="pip install 'yue[qlora]', or set lora.qlora: false",
        )


def four_bit_config(dtype: str) -> Any:
    """Transformers' configuration: NF4 with quantized scales, arithmetic in ``dtype``."""
    import torch
    from transformers import BitsAndBytesConfig

    check_quantizer()
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
