"""The demo's base model: YuE's architecture and vocabulary, tiny, pretrained for half a minute.

Its vocabulary has 92,288 rows, of which the demo's songs can use some two thousand: text pieces,
control ids and the codes of melrvq's first codebook. So a model of those rows alone is trained,
under the exact loss of the whole model: the output rows of all other ids are zero, each of their
logits is therefore 0, and together they add their number to the sum under the softmax. Afterwards
the rows go to their places among zeros.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import sentencepiece
import torch
import transformers
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from yue.codecs import melrvq
from yue.dataset.reader import TokenFiles
from yue.dataset.rows import IGNORED, PackedRow, PackedRows, targets
from yue.demo.corpus import PRETRAINING, SongSet, make_songs
from yue.demo.documents import write_documents
from yue.demo.initial import set_initial_weights
from yue.files import atomic_folder
from yue.lm.forward import hidden_states
from yue.tokens.roles import Role
from yue.tokens.vocabulary import (
    MELRVQ_SEPARATOR,
    ROWS,
    SPECIALS,
    TEXT_SIZE,
    codec_range,
)

_THREADS = 1  # sums depend on it in their last bits, and more threads gain little at this size
_LEARNT = (Role.TEXT, Role.SPECIAL, Role.VOCAL, Role.INSTRUMENTAL)


@dataclass(frozen=True)
class Plan:
    """Size and training of the base model.

    Attributes:
        hidden: Width.
        mlp: Width of the feed-forward layers.
        layers: Their number.
        heads: Attention heads; half as many for keys and values.
        head_size: Width of a head.
        context: Tokens of a row.
        steps: Optimizer steps, one row each.
        lr: Peak learning rate.
        warmup: Steps up to it; a cosine leads down to a twentieth.
    """

    hidden: int = 128
    mlp: int = 192
    layers: int = 2
    heads: int = 4
    head_size: int = 24
    context: int = 768
    steps: int = 560
    lr: float = 5e-3
    warmup: int = 20


PLAN = Plan()
"""The demo's."""


@dataclass(frozen=True)
class Pretrained:
    """What came of it: the mean loss of the last tenth of the steps, and the tokens seen."""

    loss: float
    tokens: int


Progress = Callable[[], None]


def make_base(
    tokenizer: Path,
    codec_folder: Path,
    folder: Path,
    seed: int,
    *,
    plan: Plan = PLAN,
    songs: SongSet = PRETRAINING,
    progress: Progress = lambda: None,
) -> Pretrained:
    """Pretrain on songs and write the model as a Hugging Face folder."""
    torch.set_num_threads(_THREADS)
    codec = melrvq.load(melrvq.NAME, codec_folder, None, "cpu")
    with TemporaryDirectory() as scratch:
        prefix = Path(scratch) / "train"
        write_documents(make_songs(songs, seed), tokenizer, codec, prefix)
        rows = PackedRows(TokenFiles.open(prefix), plan.context, seed=seed)
        used = used_ids(tokenizer)
        model = _small_model(plan, used, torch.from_numpy(codec.tables[0]), seed)
        result = pretrain(model, rows, used, plan, progress)
    _save(whole_model(model, used), folder)
    return result


def _save(model: LlamaForCausalLM, folder: Path) -> None:
    """Write a Hugging Face folder, in bfloat16: half the size, and what YuE is published in."""
    transformers.utils.logging.disable_progress_bar()
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # saving loads DeepSpeed, which warns without it
    with atomic_folder(folder) as new:
        model.to(torch.bfloat16).save_pretrained(new)
        for path in new.iterdir():
            path.chmod(0o644)  # safetensors makes 0600, which breaks shared caches


def used_ids(tokenizer: Path) -> Tensor:
    """The ids that documents of this tokenizer and melrvq can hold, rising; int64, shape (U,)."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer)).get_piece_size()
    codes = codec_range(melrvq.NAME)
    return torch.tensor(
        [
            *range(pieces),
            *range(TEXT_SIZE, TEXT_SIZE + len(SPECIALS)),
            *range(codes.offset, codes.offset + codes.codebook_size),
            MELRVQ_SEPARATOR,
        ]
    )


def _config(plan: Plan, rows: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=rows,
        hidden_size=plan.hidden,
        intermediate_size=plan.mlp,
        num_hidden_layers=plan.layers,
        num_attention_heads=plan.heads,
        num_key_value_heads=plan.heads // 2,
        head_dim=plan.head_size,
        max_position_embeddings=4096,
        rope_theta=10_000.0,
        tie_word_embeddings=False,
    )


def _small_model(plan: Plan, used: Tensor, codebook: Tensor, seed: int) -> LlamaForCausalLM:
    """A model of the used rows alone, before training."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(_config(plan, len(used)))
    first_code = int(torch.searchsorted(used, codec_range(melrvq.NAME).offset))
    set_initial_weights(model, first_code, codebook)
    return model


def pretrain(
    model: LlamaForCausalLM, rows: PackedRows, used: Tensor, plan: Plan, progress: Progress
) -> Pretrained:
    """Train a model of the used rows, under the loss of the whole one."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.lr, betas=(0.9, 0.95))
    losses, tokens = [], 0
    for step, row in zip(range(plan.steps), _endless(rows), strict=False):
        loss = row_loss(model, row, used)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * _schedule(step, plan)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tokens += len(row.tokens)
        progress()
    return Pretrained(float(np.mean(losses[-max(1, plan.steps // 10) :])), tokens)


def _endless(rows: PackedRows) -> Iterator[PackedRow]:
    epoch = 0
    while True:
        yield from (rows.row(epoch, index) for index in range(rows.epoch_rows(epoch)))
        epoch += 1


def _schedule(step: int, plan: Plan) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return min(1.0, (step + 1) / plan.warmup) * (0.05 + 0.95 * cosine)


def row_loss(model: LlamaForCausalLM, row: PackedRow, used: Tensor) -> Tensor:
    """Mean cross entropy of a row's tokens over the whole vocabulary, in nats."""
    wanted = torch.from_numpy(targets(row, _LEARNT))
    learnt = wanted != IGNORED
    tokens = torch.searchsorted(used, torch.from_numpy(row.tokens.astype(np.int64)))
    hidden = hidden_states(model, tokens, torch.from_numpy(row.boundaries))[learnt]
    logits = model.lm_head(hidden)
    # The other rows are zero, so each of their logits is 0.
    others = F.pad(logits, (0, 1), value=math.log(ROWS - len(used)))
    return F.cross_entropy(others, torch.searchsorted(used, wanted[learnt]))


def whole_model(model: LlamaForCausalLM, used: Tensor) -> LlamaForCausalLM:
    """The same model with all rows of the vocabulary; those of other ids are zero."""
    whole = LlamaForCausalLM(_config_like(model, ROWS))
    state = dict(model.state_dict())
    for table in ("model.embed_tokens.weight", "lm_head.weight"):
        full = torch.zeros(ROWS, model.config.hidden_size)
        full[used] = state[table]
        state[table] = full
    whole.load_state_dict(state)
    return whole


def _config_like(model: LlamaForCausalLM, rows: int) -> LlamaConfig:
    return LlamaConfig(**{**model.config.to_dict(), "vocab_size": rows})
