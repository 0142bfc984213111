"""An adapter added into its base model's weights, as a model of its own."""

from __future__ import annotations

import os
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from yue.errors import YueError
from yue.files import atomic_folder, write_json
from yue.lm.forward import hidden_states, output_head
from yue.lm.load import TunedModel, load_base, load_tuned

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_TOKENS = 64  # of the sample that both models read
_TOLERANCE = 0.05
# Other files of a base model that belong to the merged one too.
_OTHER_FILES = ("tokenizer*", "generation_config.json", "special_tokens_map.json", "*.model")


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
    tokens = _sample_tokens(tuned)
    before = {name: _logits(tuned, name, tokens) for name in tuned.models}
    model = _merge_layers(tuned)
    with atomic_folder(output) as folder:
        model.save_pretrained(folder, max_shard_size="5GB")
        for file in folder.glob("*.safetensors"):
            file.chmod(0o644)  # safetensors makes 0600, which breaks shared folders
        for pattern in _OTHER_FILES:
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


def _merge_layers(tuned: TunedModel) -> LlamaForCausalLM:
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


def _sample_tokens(tuned: TunedModel) -> Tensor:
    """Draw tokens of rows that are not zero: a row that was never trained shows nothing."""
    with tuned.use("base") as model:
        rows: Tensor = model.get_input_embeddings().weight
    trained = rows.any(1).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(0)
    return trained[torch.randint(0, len(trained), (_TOKENS,), generator=generator)]


def _logits(tuned: TunedModel, name: str, tokens: Tensor) -> Tensor:
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
