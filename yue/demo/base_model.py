"""The demo's base model: YuE's architecture and vocabulary, tiny, pretrained for half a minute.

Its vocabulary has 92,288 rows, of which the demo's songs can use some two thousand: text pieces,
control ids and the codes of melrvq's first codebook. A model of those rows alone is pretrained;
then the rows go to their places in a whole table, whose other rows are zero.

Three facts that take long to learn are put into the first weights; training may change them all.

- Codes that sound alike begin with embeddings that are alike: the cepstrum of their codebook entry.
- What came in is a good guess of what comes out: the output layer begins as the embeddings.
- The track that comes next was last heard one token ago, and before that three tokens ago: the
  first layer's heads begin by looking there, and half of them pass on what they see.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import sentencepiece
import torch
import transformers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from yue.codecs.melrvq import NAME, load
from yue.dataset.packed_rows import PackedRows
from yue.dataset.token_files import TokenFiles
from yue.demo.corpus import PRETRAINING, SongSet, make_songs
from yue.demo.pretrain import PLAN, Pretrained, PretrainingPlan, Progress, pretrain, write_documents
from yue.files import atomic_folder
from yue.lm.base_facts import ModelShape, llama_config
from yue.tokens.vocabulary import MELRVQ_SEPARATOR, ROWS, SPECIALS, TEXT_SIZE, codec_range

_SCALE = 0.1  # standard deviation of an embedding
_NOISE = 0.2  # share of it that is random, so that equal entries differ
_SHARPNESS = 2.5  # of the first layer's view
_COPY = 3.0  # how strongly it writes what it sees, in units of an embedding
_LOOKS = (1, 3)  # tokens back: the predicted track's last frame, and the one before


@torch.no_grad()
def set_initial_weights(model: LlamaForCausalLM, first_code: int, codebook: Tensor) -> None:
    """Put the three facts into a model with random weights.

    Args:
        model: At least two heads for each key-value head.
        first_code: Row of code 0 in the vocabulary.
        codebook: Log-mel spectra of the codes, shape (codes, mels).
    """
    embeddings = model.model.embed_tokens.weight
    torch.nn.init.normal_(embeddings, std=_SCALE)
    codes = embeddings[first_code : first_code + len(codebook)]
    cepstra = _cepstra(codebook, model.config.hidden_size - 1)
    codes[:, : cepstra.shape[1]] *= _NOISE
    codes[:, : cepstra.shape[1]] += (1 - _NOISE**2) ** 0.5 * _SCALE * cepstra
    # Rotary positions turn two constants into a score of their distance alone.
    embeddings[:, -1] = _SCALE
    model.lm_head.weight.copy_(embeddings)
    _look_back(model)


def _cepstra(spectra: Tensor, size: int) -> Tensor:
    """Return the first cosine terms of centred log spectra, of unit variance; (codes, <= size)."""
    bands = spectra.shape[1]
    places = (torch.arange(bands) + 0.5) * math.pi / bands
    terms = torch.arange(min(size, bands))
    cepstra = (spectra - spectra.mean(0)) @ torch.cos(places[:, None] * terms)
    return cepstra / cepstra.pow(2).mean().sqrt()


def _look_back(model: LlamaForCausalLM) -> None:
    """Make the first layer's heads look back by fixed distances."""
    config, attention = model.config, model.model.layers[0].self_attn
    size, half = config.head_dim, config.head_dim // 2
    turns = model.model.rotary_emb.inv_freq
    for head in range(config.num_attention_heads):
        distance = _LOOKS[head % len(_LOOKS)]
        query = attention.q_proj.weight[head * size :][:size, -1]
        query[:half] = _SHARPNESS * torch.cos(distance * turns)
        query[half:] = -_SHARPNESS * torch.sin(distance * turns)
    for head in range(config.num_key_value_heads):
        rows = slice(head * size, (head + 1) * size)
        key = attention.k_proj.weight[rows, -1]
        key[:half], key[half:] = _SHARPNESS, 0.0
        attention.v_proj.weight[rows, rows] += torch.eye(size)
    groups = config.num_attention_heads // config.num_key_value_heads
    for head in range(0, config.num_attention_heads, len(_LOOKS)):
        seen = slice(head // groups * size, (head // groups + 1) * size)
        written = slice(head * size, (head + 1) * size)
        attention.o_proj.weight[seen, written] += _COPY * _SCALE * torch.eye(size)


_THREADS = 1  # sums depend on it in their last bits, and more threads gain little at this size


def make_base(
    tokenizer: Path,
    codec_folder: Path,
    folder: Path,
    seed: int,
    *,
    plan: PretrainingPlan = PLAN,
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
    """List the ids that documents of this tokenizer and melrvq can hold, rising; int64, (U,)."""
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


def small_model(
    plan: PretrainingPlan, used: Tensor, codebook: Tensor, seed: int
) -> LlamaForCausalLM:
    """Make a model of the used rows alone, before training.

    Args:
        plan: Its size.
        used: Ids of its rows, rising.
        codebook: Log-mel spectra of the codec's first codebook, shape (codes, mels).
        seed: Of the weights that are random.
    """
    torch.manual_seed(seed)
    shape = ModelShape(
        vocabulary=len(used),
        hidden=plan.hidden,
        feed_forward=plan.mlp,
        layers=plan.layers,
        heads=plan.heads,
        key_value_heads=plan.heads // 2,
        head_size=plan.head_size,
        context=4096,
        tied=False,
    )
    model = LlamaForCausalLM(llama_config(shape))
    first_code = int(torch.searchsorted(used, codec_range(NAME).offset))
    set_initial_weights(model, first_code, codebook)
    return model


def whole_model(model: LlamaForCausalLM, used: Tensor) -> LlamaForCausalLM:
    """Give the model all rows of the vocabulary; those of other ids are zero."""
    config = LlamaConfig(**{**model.config.to_dict(), "vocab_size": ROWS})
    whole = LlamaForCausalLM(config)
    state = dict(model.state_dict())
    for table in ("model.embed_tokens.weight", "lm_head.weight"):
        full = torch.zeros(ROWS, model.config.hidden_size)
        full[used] = state[table]
        state[table] = full
    whole.load_state_dict(state)
    return whole
