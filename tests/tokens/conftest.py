"""A tokenizer and songs that the tests make themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tokens.corpus import Corpus, train_tokenizer
from yue.tokens.text_tokenizer import TextTokenizer


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="session")
def tokenizer(small_model: Path) -> TextTokenizer:
    return TextTokenizer(small_model)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    (tmp_path / "corpus").mkdir()
    return Corpus(tmp_path / "corpus")
