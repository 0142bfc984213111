"""Token files of a few songs, and a tiny model with an adapter to score them with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from tests.generation.conftest import save_adapter, save_base, save_tokenizer
from tests.tokens.conftest import Corpus
from yue.dataset.token_files import TokenFiles
from yue.lm.load import TunedModel, load_tuned
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    return TextTokenizer(save_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.fixture(scope="session")
def token_folder(tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``valid`` with three songs, two sections each."""
    folder = tmp_path_factory.mktemp("tokens")
    corpus = Corpus(folder)
    for number, frames in enumerate((120, 150, 200)):
        corpus.row(f"song {number}", frames=frames)
    write_token_files(
        corpus.jsonl,
        folder,
        tokenizer.path,
        codec_range("melrvq"),
        output_prefix=folder / "valid",
    )
    return folder


@pytest.fixture(scope="session")
def files(token_folder: Path) -> TokenFiles:
    return TokenFiles.open(token_folder / "valid")


@pytest.fixture(scope="session")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As after a short pretraining: ids that it never met share one row of the output layer."""
    path = save_base(tmp_path_factory.mktemp("base"), hidden=16)
    model = LlamaForCausalLM.from_pretrained(path)
    codec = codec_range("melrvq")
    with torch.no_grad():
        model.lm_head.weight[400 : codec.offset] = model.lm_head.weight[400]
        model.lm_head.weight[codec.offset + 1024 :] = model.lm_head.weight[400]
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def adapter_path(base_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(base_path, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def model(base_path: Path, adapter_path: Path) -> TunedModel:
    return load_tuned(base_path, adapter_path, dtype="float32", device="cpu")
