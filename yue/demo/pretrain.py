"""Pretraining of the demo's base model: songs to token documents, then one packed row a step.

Documents are made by the functions that make the training files of any song.
The model has only the rows of the vocabulary that songs can use, and learns under the exact loss of
the whole: the output rows of all other ids are zero, each of their logits is therefore 0, and
together they add their number to the sum under the softmax.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaForCausalLM

from yue.codecs.base import Codec
from yue.dataset.packed_rows import IGNORED, PackedRow, PackedRows, targets
from yue.demo.corpus import DemoSong, line_contents
from yue.demo.styles import FRAME, SAMPLE_RATE
from yue.files import write_array, write_jsonl
from yue.lm.forward import hidden_states
from yue.tokens.roles import Role
from yue.tokens.vocabulary import ROWS, codec_range
from yue.tokens.write_files import write_token_files
from yue.workers import cores


def write_documents(songs: Iterable[DemoSong], tokenizer: Path, codec: Codec, prefix: Path) -> None:
    """Encode songs and write them as token files.

    Args:
        songs: The songs.
        tokenizer: A SentencePiece model.
        codec: Encodes them; codebook 0 is used.
        prefix: Path of the token files without their suffixes; rows and codes go beside them.
    """
    folder = prefix.parent
    with ThreadPoolExecutor(cores()) as pool:
        names = (f"song-{number}" for number in count())
        rows = list(pool.map(partial(_make_row, codec, folder), songs, names))
    write_jsonl(folder / "songs.jsonl", rows)
    write_token_files(
        folder / "songs.jsonl",
        folder,
        tokenizer,
        codec_range(codec.name),
        output_prefix=prefix,
        codec_digest=codec.digest,
        max_rejected_share=0.0,
    )


def _make_row(codec: Codec, folder: Path, song: DemoSong, name: str) -> dict[str, Any]:
    """Make a row of songs.jsonl, and write the codes that it names."""
    tracks = song.tracks.normalised()
    codes = codec.encode(np.stack([tracks.vocal, tracks.instrumental]))
    names = [f"{name}.{track}.npy" for track in ("vocal", "instrumental")]
    for path, lane in zip(names, codes, strict=True):
        with (folder / path).open("wb") as stream:
            write_array(stream, lane[:1])
    segments = []
    for section, text in zip(song.score.sections, line_contents(song.score), strict=True):
        start, end = song.score.frames(section)
        segments.append({"codec_frame_start": start, "codec_frame_end": end, "line_content": text})
    return {
        "id": name,
        "vocals_codec": names[0],
        "instrumental_codec": names[1],
        "audio_length_in_sec": codes.shape[2] * FRAME / SAMPLE_RATE,
        "genres": song.score.genres,
        "splitted_lyrics": {"segmented_lyrics": segments},
    }


_TRAINED_ROLES = (Role.TEXT, Role.SPECIAL, Role.VOCAL, Role.INSTRUMENTAL)


@dataclass(frozen=True)
class PretrainingPlan:
    """Size and training of the base model.

    Attributes:
        hidden: Width.
        mlp: Width of the feed-forward layers.
        layers: Their number.
        heads: Attention heads; half as many for keys and values.
        head_size: Width of a head.
        context: Tokens of a row.
        steps: Optimizer steps, of one row each.
        lr: Peak learning rate.
        warmup: Steps up to it; a cosine leads down to a twentieth.
    """

    hidden: int = 128
    mlp: int = 192
    layers: int = 2
    heads: int = 4
    head_size: int = 24
    context: int = 768
    steps: int = 400
    lr: float = 5e-3
    warmup: int = 20


PLAN = PretrainingPlan()
"""The demo's."""


@dataclass(frozen=True)
class Pretrained:
    """The result: the mean loss of the last tenth of the steps, and the tokens seen."""

    loss: float
    tokens: int


Progress = Callable[[], None]


def pretrain(
    model: LlamaForCausalLM,
    rows: PackedRows,
    used: Tensor,
    plan: PretrainingPlan,
    progress: Progress,
) -> Pretrained:
    """Train a model of the used rows, under the loss of the whole one."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.lr, betas=(0.9, 0.95))
    losses, tokens = [], 0
    for step, row in zip(range(plan.steps), _repeat_rows(rows), strict=False):
        loss = row_loss(model, row, used)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * _lr_share(step, plan)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tokens += len(row.tokens)
        progress()
    return Pretrained(float(np.mean(losses[-max(1, plan.steps // 10) :])), tokens)


def _repeat_rows(rows: PackedRows) -> Iterator[PackedRow]:
    epoch = 0
    while True:
        yield from (rows.row(epoch, index) for index in range(rows.epoch_rows(epoch)))
        epoch += 1


def _lr_share(step: int, plan: PretrainingPlan) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return min(1.0, (step + 1) / plan.warmup) * (0.05 + 0.95 * cosine)


def row_loss(model: LlamaForCausalLM, row: PackedRow, used: Tensor) -> Tensor:
    """Compute the mean cross entropy of a row's tokens over the whole vocabulary, in nats."""
    wanted = torch.from_numpy(targets(row, _TRAINED_ROLES))
    trained = wanted != IGNORED
    tokens = torch.searchsorted(used, torch.from_numpy(row.tokens.astype(np.int64)))
    hidden = hidden_states(model, tokens, torch.from_numpy(row.boundaries))[trained]
    logits = model.lm_head(hidden)
    # The other rows are zero, so each of their logits is 0.
    others = F.pad(logits, (0, 1), value=math.log(ROWS - len(used)))
    return F.cross_entropy(others, torch.searchsorted(used, wanted[trained]))
