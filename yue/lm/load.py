"""A base model, and its adapter where there is one: loaded once, used with and without it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from yue.errors import GenerationError, YueError
from yue.lm.adapter_fit import WEIGHTS, check_adapter, mismatch, weight_shapes
from yue.lm.attention import use_packed_attention
from yue.lm.base_facts import four_bit_config, read_base

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


class TunedModel:
    """A base model with an adapter's layers inside, or without any.

    Args:
        base: The causal language model, its adapter layers included.
        adapted: The PEFT model around it, or None where there is no adapter.
    """

    def __init__(self, base: LlamaForCausalLM, adapted: Any | None = None) -> None:
        self._base, self._adapted = base, adapted
        self.models = ("base",) if adapted is None else ("base", "tuned")

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return torch.device(self._base.device)

    @property
    def adapted(self) -> Any:
        """The PEFT model.

        Raises:
            ValueError: There is no adapter.
        """
        if self._adapted is None:
            raise ValueError("no adapter")
        return self._adapted

    @contextlib.contextmanager
    def use(self, model: str) -> Iterator[LlamaForCausalLM]:
        """Yield the causal model with the adapter on ("tuned") or off ("base") inside the block."""
        if model not in self.models:
            raise ValueError(f"no model {model!r}, only {self.models}")
        off: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if model == "base" and self._adapted is not None:
            off = self._adapted.disable_adapter()
        with off:
            yield self._base

    def merge(self) -> None:
        """Add the adapter to the weights, for speed; the base model is gone afterwards.

        Only in float32: in bfloat16 a weight's rounding is as large as what an adapter adds.
        """
        if self._adapted is not None and self._base.dtype == torch.float32:
            self._adapted.merge_adapter()
            self.models = ("tuned",)


def load_tuned(
    base: Path, adapter: Path | None, *, dtype: str, device: str, needed_rows: int = 0
) -> TunedModel:
    """Load a base model, and its adapter, to be read and not trained.

    Args:
        base: The base model's folder.
        adapter: A PEFT folder, or None for the base model alone.
        dtype: "float32" or "bfloat16".
        device: "cpu" or "cuda".
        needed_rows: The vocabulary must have at least so many rows.

    Raises:
        GenerationError: The adapter is missing, damaged or made for another model.
        YueError: The base model cannot be loaded.
    """
    if adapter is not None:
        check_adapter(adapter)
    model = load_base(base, dtype=dtype, device=device, needed_rows=needed_rows).eval()
    if adapter is None:
        return TunedModel(model.requires_grad_(False))
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # weights that are missing are an error, below
            adapted = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    except SafetensorError as error:
        raise GenerationError(
            f"{adapter / WEIGHTS}: damaged",
            why=str(error),
            fix="train it again with `dvc repro -f train`, or copy it again",
        ) from error
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise mismatch(adapter, base, " ".join(str(error).split())[:300]) from error
    _check_all_weights_used(adapted, adapter, base)
    return TunedModel(adapted.get_base_model(), adapted.eval().requires_grad_(False))


def _check_all_weights_used(adapted: Any, adapter: Path, base: Path) -> None:
    """Check that adapter and model have the same layers, where PEFT only warns."""
    from peft import get_peft_model_state_dict

    given = set(weight_shapes(adapter))
    wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if given != wanted:
        example = min(given ^ wanted)
        raise mismatch(adapter, base, f"{len(given ^ wanted)} weights differ, such as {example}")
