"""A tiny random Llama with grouped queries, and packed pieces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.llama import tiny_llama

ROWS = 97


@pytest.fixture
def llama():
    return tiny_llama(rows=ROWS)


@pytest.fixture(scope="session")
def base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_llama(rows=ROWS).save_pretrained(folder)
    return folder
