"""A tokenizer, a tiny Llama over the whole vocabulary, and an adapter, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch

from tests.llama import tiny_llama
from yue.codecs.melrvq_fit import fit
from yue.generation.song_state import Alphabet
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import ROWS, CodecRange, codec_range

CONTEXT = 1024

# Tiny tensors: threads cost more than they do, all the more where test processes share the cores.
torch.set_num_threads(1)


def save_tokenizer(folder: Path) -> Path:
    """A byte-fallback BPE with the normaliser settings of YuE's."""
    prefix = folder / "tokenizer"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["[verse] [chorus] la di da", "Generate music segment by segment"]),
        model_prefix=str(prefix),
        model_type="bpe",
        vocab_size=300,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return prefix.with_suffix(".model")


@pytest.fixture(scope="session")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def tokenizer(tokenizer_path: Path) -> TextTokenizer:
    return TextTokenizer(tokenizer_path)


@pytest.fixture(scope="session")
def codec() -> CodecRange:
    return codec_range("melrvq").first(1)


@pytest.fixture(scope="session")
def alphabet(codec: CodecRange) -> Alphabet:
    return Alphabet(codec, codec.sizes)


def save_base(folder: Path, *, layers: int = 2, hidden: int = 32, rows: int = ROWS) -> Path:
    """A random model of YuE's architecture, small in all but its vocabulary."""
    tiny_llama(rows=rows, hidden=hidden, layers=layers, context=CONTEXT).save_pretrained(folder)
    return folder


def save_adapter(base: Path, folder: Path) -> Path:
    """An adapter whose weights are not zero."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base)
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    tuned = get_peft_model(model, LoraConfig(r=4, lora_alpha=32, target_modules=names))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    tuned.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def codec_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded codec, fitted to a few seconds of tones; it has fewer codes than its ids."""
    time = np.arange(6 * 16_000) / 16_000
    notes = np.repeat([220.0, 330.0, 440.0, 550.0, 660.0, 880.0], 16_000)
    noise = np.random.default_rng(0).normal(0, 0.01, time.size)
    track = (0.3 * np.sin(2 * np.pi * notes * time) * (1 - time % 1) + noise).astype(np.float32)
    folder = tmp_path_factory.mktemp("codec") / "melrvq"
    fit([track], codebooks=2, codebook_size=32).save(folder)
    return folder


@pytest.fixture(scope="session")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def adapter_path(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base_path, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def model(base_path: Path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base_path).eval()
