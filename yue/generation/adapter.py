"""A base model with its adapter, loaded once and used with the adapter on or off."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yue.errors import GenerationError
from yue.files import read_json

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class BaseCard:
    """What config.json says of the base model.

    Attributes:
        path: Its folder.
        context: Longest input, in tokens.
        vocabulary: Rows of the embedding.
    """

    path: Path
    context: int
    vocabulary: int


def read_base(path: Path, *, needed_ids: int) -> BaseCard:
    """Check a base model's folder without loading it.

    Args:
        path: A Hugging Face model folder.
        needed_ids: The vocabulary must have at least so many rows.

    Raises:
        GenerationError: It is not a Llama folder, or its vocabulary is too small.
    """
    if not (path / "config.json").is_file():
        raise GenerationError(
            f"no base model in {path}",
            why="config.json is not there",
            fix="check model.path (--model); `dvc repro` makes or fetches declared models",
        )
    config = read_json(path / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "llama":
        raise GenerationError(f"{path}: model type {kind!r}, but YuE v1 is 'llama'")
    if int(config.get("vocab_size", 0)) < needed_ids:
        raise GenerationError(
            f"{path}: {config.get('vocab_size')} vocabulary rows, the codec needs {needed_ids}",
            why="the base model has no ids for this codec's codes",
            fix="use the codec that the model was trained with (codec.name), or another base model",
        )
    return BaseCard(path, int(config.get("max_position_embeddings", 2048)), config["vocab_size"])


def check_adapter(path: Path) -> None:
    """Check that ``path`` is a PEFT LoRA folder, without loading it.

    Raises:
        GenerationError: A file is missing, or the adapter is of another kind.
    """
    for name in ("adapter_config.json", _WEIGHTS):
        if not (path / name).is_file():
            raise GenerationError(
                f"no adapter in {path}",
                why=f"{name} is not there",
                fix="train one with `dvc repro train`, or check --adapter",
            )
    config = read_json(path / "adapter_config.json")
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise GenerationError(f"{path}: a {kind!r} adapter; only LoRA is supported")


class TunedModel:
    """The base model with the adapter's layers inside.

    Args:
        peft_model: What ``PeftModel.from_pretrained`` returned.
    """

    def __init__(self, peft_model: Any) -> None:
        self._peft_model = peft_model

    @contextlib.contextmanager
    def use(self, model: str) -> Iterator[LlamaForCausalLM]:
        """The causal model with the adapter on ("tuned") or off ("base") inside the block."""
        off = self._peft_model.disable_adapter() if model == "base" else contextlib.nullcontext()
        with off:
            yield self._peft_model.get_base_model()


def load_tuned(base: BaseCard, adapter: Path, *, dtype: str, device: str) -> TunedModel:
    """Load a base model and its adapter for generation.

    Args:
        base: The checked base model.
        adapter: A checked PEFT folder.
        dtype: "float32" or "bfloat16".
        device: "cpu" or "cuda".

    Raises:
        GenerationError: The weights cannot be read, or the adapter was made for another model.
    """
    import torch
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            base.path,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise GenerationError(
            f"cannot load the base model in {base.path}: {str(error).splitlines()[0]}"
        ) from error
    try:
        peft_model = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
    except (RuntimeError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _mismatch(adapter, base.path, " ".join(str(error).split())[:300]) from error
    _check_all_weights_used(peft_model, adapter, base.path)
    return TunedModel(peft_model.to(device).eval())


def _check_all_weights_used(peft_model: Any, adapter: Path, base: Path) -> None:
    """PEFT only warns where an adapter and a model have different layers; that is no match."""
    from peft import get_peft_model_state_dict

    with (adapter / _WEIGHTS).open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    given = set(header) - {"__metadata__"}
    wanted = set(get_peft_model_state_dict(peft_model))
    if given != wanted:
        example = min(given ^ wanted)
        raise _mismatch(adapter, base, f"{len(given ^ wanted)} weights differ, such as {example}")


def _mismatch(adapter: Path, base: Path, why: str) -> GenerationError:
    return GenerationError(
        f"the adapter in {adapter} does not fit the base model in {base}",
        why=why,
        fix="give the base model that the adapter was trained on (model.path, --model)",
    )
