"""An adapter and its base model: whether they fit, and merging one into the other.

Whether an adapter was made for a base model, before the weights of either are read.

An adapter added into its base model's weights, as a model of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from yue.errors import GenerationError, YueError
from yue.files import atomic_folder, read_json, write_json
from yue.lm.base_facts import base_digest
from yue.lm.load import ADAPTER_WEIGHTS, TunedModel, check_adapter, load_base, load_tuned, mismatch

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_RECORD = "run.json"


def check_fit(adapter: Path, base: Path, memory: Path | None = None) -> None:
    """Hold an adapter's weights to the layers of a base model, and its record to the model itself.

    Args:
        adapter: A PEFT folder.
        base: The base model's folder, with a config.json.
        memory: A folder where the digests of its files are remembered (:func:`base_digest`).

    Raises:
        GenerationError: The adapter is missing, damaged, or was made for another model.
    """
    check_adapter(adapter)
    given, wanted = _shapes(adapter), _wanted(adapter, base)
    if given != wanted:
        name = min(set(given.items()) ^ set(wanted.items()))[0]
        raise mismatch(
            adapter,
            base,
            f"{name} is {_words(given.get(name))} in the adapter, {_words(wanted.get(name))} for "
            "this model",
        )
    record = read_json(adapter / _RECORD) if (adapter / _RECORD).is_file() else {}
    trained_on = record.get("base_digest") if isinstance(record, dict) else None
    if trained_on is not None and trained_on != base_digest(base, memory):
        raise mismatch(
            adapter,
            base,
            f"{adapter / _RECORD} says that it was trained on other weights (base_digest)",
        )


def _shapes(adapter: Path) -> dict[str, tuple[int, ...]]:
    """Of every weight, from the header of the safetensors file."""
    path = adapter / ADAPTER_WEIGHTS
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return {k: tuple(v["shape"]) for k, v in header.items() if k != "__metadata__"}
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise GenerationError(
            f"{path}: not a safetensors file", fix="train the adapter again, or copy it again"
        ) from error


def _wanted(adapter: Path, base: Path) -> dict[str, tuple[int, ...]]:
    """What the adapter's configuration makes of the base model, without any weights."""
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from transformers import LlamaConfig, LlamaForCausalLM

    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the model has another name than in training
            model: Any = LlamaForCausalLM(LlamaConfig.from_pretrained(base))
            tuned = get_peft_model(model, LoraConfig.from_pretrained(str(adapter)))
    except (ValueError, TypeError, KeyError) as error:
        raise mismatch(adapter, base, " ".join(str(error).split())[:300]) from error
    # Or PEFT looks for the base model's vocabulary where it was in training, even on the network.
    state = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    return {name: tuple(weight.shape) for name, weight in state.items()}


def _words(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else " x ".join(map(str, shape))


_TOKENS = 64  # of the sample that both models read
_TOLERANCE = 0.05
# Other files of a base model that belong to the merged one too.
_ALSO = ("tokenizer*", "generation_config.json", "special_tokens_map.json", "*.model")


@dataclass(frozen=True)
class Parity:
    """How near the merged model is to base and adapter, on a sample of random tokens.

    Attributes:
        largest: Largest difference of a logit.
        divergence: Mean Kullback-Leibler divergence of the next token, in nats: tuned to merged.
        effect: The same, tuned to base: what the adapter does at all.
    """

    largest: float
    divergence: float
    effect: float

    @property
    def kept(self) -> bool:
        """Whether merging lost less than a twentieth of what the adapter does."""
        return self.divergence <= _TOLERANCE * self.effect + 1e-6


def merge(base: Path, adapter: Path, output: Path, *, dtype: str) -> Parity:
    """Write base and adapter as one model; nothing is written if its logits are others.

    Args:
        base: The base model's folder.
        adapter: A PEFT LoRA folder.
        output: The merged model's folder, made or replaced as a whole.
        dtype: Of the merged weights, "float32" or "bfloat16".

    Raises:
        YueError: A model cannot be read, they do not fit, or rounding would lose the adapter.
    """
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # saving loads DeepSpeed, which warns without it
    tuned = load_tuned(base, adapter, dtype=dtype, device="cpu")
    tokens = _sample(tuned)
    before = {name: _logits(tuned, name, tokens) for name in tuned.models}
    model = _merged(tuned)
    with atomic_folder(output) as folder:
        model.save_pretrained(folder, max_shard_size="5GB")
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)  # safetensors makes 0600, which breaks shared folders
        for pattern in _ALSO:
            for file in base.glob(pattern):
                shutil.copyfile(file, folder / file.name)
        del tuned, model  # only one model in memory at a time
        again = TunedModel(load_base(folder, dtype=dtype, device="cpu").eval())
        parity = _compare(before["base"], before["tuned"], _logits(again, "base", tokens))
        if not parity.kept:
            raise YueError(
                f"merged in {dtype}, the model is not base and adapter: it diverges by "
                f"{parity.divergence:.2g} nats, the adapter's whole effect is {parity.effect:.2g}",
                why="a weight's rounding is as large as what the adapter adds",
                fix="use --dtype float32" if dtype != "float32" else "keep the adapter apart",
            )
        write_json(
            folder / "merge.json",
            {
                "base": str(base),
                "adapter": str(adapter),
                "dtype": dtype,
                "largest_logit_difference": parity.largest,
                "divergence": parity.divergence,
                "adapter_effect": parity.effect,
            },
        )
    return parity


def _merged(tuned: TunedModel) -> LlamaForCausalLM:
    """Add every layer's update to its weight in float32, and round once."""
    from peft.tuners.lora import LoraLayer

    adapted: Any = tuned.adapted
    for module in adapted.modules():
        if isinstance(module, LoraLayer):
            layer: Any = module.get_base_layer()
            dtype = layer.weight.dtype
            module.float()
            module.merge(safe_merge=True)
            layer.to(dtype)
    with warnings.catch_warnings():
        # The layers are; what else an adapter holds is merged, and all of it taken out of the way.
        warnings.filterwarnings("ignore", "All adapters are already merged")
        model: LlamaForCausalLM = adapted.merge_and_unload()
    model.set_attn_implementation("sdpa")  # the name that any program knows
    return model


def _sample(tuned: TunedModel) -> Tensor:
    """Tokens of rows that are not zero: of a row that was never learned, nothing shows."""
    with tuned.use("base") as model:
        rows: Tensor = model.get_input_embeddings().weight
    known = rows.any(1).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(0)
    return known[torch.randint(0, len(known), (_TOKENS,), generator=generator)]


def _logits(tuned: TunedModel, name: str, tokens: Tensor) -> Tensor:
    from yue.lm.forward import hidden_states, output_head

    with torch.no_grad(), tuned.use(name) as model:
        hidden = hidden_states(model, tokens, (0, len(tokens)))
        logits: Tensor = output_head(model)(hidden)
        return logits.double()


def _compare(base: Tensor, tuned: Tensor, merged: Tensor) -> Parity:
    wanted = F.log_softmax(tuned, 1)

    def divergence(other: Tensor) -> float:
        found = F.log_softmax(other, 1)
        return float(F.kl_div(found, wanted, log_target=True, reduction="batchmean"))

    return Parity(
        largest=float((tuned - merged).abs().max()),
        divergence=divergence(merged),
        effect=divergence(base),
    )
