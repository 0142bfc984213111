"""The demo's base model: YuE's architecture and vocabulary, tiny, pretrained for half a minute.

Its vocabulary has 92,288 rows, of which the demo's songs can use some two thousand: text pieces,
control ids and the codes of melrvq's first codebook. A model of those rows alone is pretrained;
then the rows go to their places in a whole table, whose other rows are zero.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import sentencepiece
import torch
import transformers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from yue.codecs.melrvq import NAME, load
from yue.dataset.reader import TokenFiles
from yue.dataset.rows import PackedRows
from yue.demo.documents import write_documents
from yue.demo.initial import set_initial_weights
from yue.demo.music.corpus import PRETRAINING, SongSet, make_songs
from yue.demo.pretrain import PLAN, Plan, Pretrained, Progress, pretrain
from yue.files import atomic_folder
from yue.lm.shape import ModelShape, llama_config
from yue.tokens.vocabulary import (
    MELRVQ_SEPARATOR,
    ROWS,
    SPECIALS,
    TEXT_SIZE,
    codec_range,
)

_THREADS = 1  # sums depend on it in their last bits, and more threads gain little at this size


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
    codec = load(NAME, codec_folder, 1, "cpu")
    with TemporaryDirectory() as scratch:
        prefix = Path(scratch) / "train"
        write_documents(make_songs(songs, seed), tokenizer, codec, prefix)
        rows = PackedRows(TokenFiles.open(prefix), plan.context, seed=seed)
        used = used_ids(tokenizer)
        model = small_model(plan, used, torch.from_numpy(codec.tables[0]), seed)
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
    codes = codec_range(NAME)
    return torch.tensor(
        [
            *range(pieces),
            *range(TEXT_SIZE, TEXT_SIZE + len(SPECIALS)),
            *range(codes.offset, codes.offset + codes.codebook_size),
            MELRVQ_SEPARATOR,
        ]
    )


def _shape(plan: Plan, rows: int) -> ModelShape:
    return ModelShape(
        vocabulary=rows,
        hidden=plan.hidden,
        feed_forward=plan.mlp,
        layers=plan.layers,
        heads=plan.heads,
        key_value_heads=plan.heads // 2,
        head_size=plan.head_size,
        context=4096,
        tied=False,
    )


def small_model(plan: Plan, used: Tensor, codebook: Tensor, seed: int) -> LlamaForCausalLM:
    """A model of the used rows alone, before training.

    Args:
        plan: Its size.
        used: Ids of its rows, rising.
        codebook: Log-mel spectra of the codec's first codebook, shape (codes, mels).
        seed: Of the weights that are random.
    """
    torch.manual_seed(seed)
    model = LlamaForCausalLM(llama_config(_shape(plan, len(used))))
    first_code = int(torch.searchsorted(used, codec_range(NAME).offset))
    set_initial_weights(model, first_code, codebook)
    return model


def whole_model(model: LlamaForCausalLM, used: Tensor) -> LlamaForCausalLM:
    """The same model with all rows of the vocabulary; those of other ids are zero."""
    config = LlamaConfig(**{**model.config.to_dict(), "vocab_size": ROWS})
    whole = LlamaForCausalLM(config)
    state = dict(model.state_dict())
    for table in ("model.embed_tokens.weight", "lm_head.weight"):
        full = torch.zeros(ROWS, model.config.hidden_size)
        full[used] = state[table]
        state[table] = full
    whole.load_state_dict(state)
    return whole
