from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.folders import folder_digest
from yue.codecs.melrvq import MelRvq
from yue.dataset.packed_rows import PackedRows, targets
from yue.dataset.token_files import TokenFiles
from yue.demo.base_model import make_base, small_model, used_ids, whole_model
from yue.demo.corpus import PRETRAINING, DemoSong
from yue.demo.pretrain import PLAN, row_loss, write_documents
from yue.lm.forward import hidden_states
from yue.lm.load import load_base
from yue.lm.loss import DistinctHead, distinct_head
from yue.tokens.roles import Role
from yue.tokens.vocabulary import ROWS

SHORT = replace(PLAN, steps=12, context=512)
TWO_SONGS = replace(PRETRAINING, count=2)


@pytest.fixture(scope="module")
def rows(
    songs: list[DemoSong],
    tokenizer_path: Path,
    codec: MelRvq,
    tmp_path_factory: pytest.TempPathFactory,
) -> PackedRows:
    prefix = tmp_path_factory.mktemp("rows") / "train"
    write_documents(songs[:2], tokenizer_path, codec, prefix)
    return PackedRows(TokenFiles.open(prefix), 512, seed=0)


@pytest.fixture(scope="module")
def base(
    tokenizer_path: Path, codec_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    make_base(tokenizer_path, codec_folder, folder, 0, plan=SHORT, songs=TWO_SONGS)
    return folder


def test_the_ids_that_are_used_are_all_that_songs_hold(
    rows: PackedRows, tokenizer_path: Path
) -> None:
    used = used_ids(tokenizer_path)
    assert (used.diff() > 0).all()
    for index in range(rows.epoch_rows(0)):
        assert np.isin(rows.row(0, index).tokens, used.numpy()).all()


def test_the_loss_of_the_small_model_is_exactly_that_of_the_whole(
    rows: PackedRows, tokenizer_path: Path, codec: MelRvq
) -> None:
    used = used_ids(tokenizer_path)
    small = small_model(SHORT, used, torch.from_numpy(codec.tables[0]), seed=0)
    row = rows.row(0, 0)
    with torch.no_grad():
        loss = row_loss(small, row, used)
        whole = whole_model(small, used)
        tokens = torch.from_numpy(row.tokens.astype(np.int64))
        logits = whole.lm_head(hidden_states(whole, tokens, torch.from_numpy(row.boundaries)))
    wanted = torch.from_numpy(targets(row, list(Role)))
    assert logits.shape[1] == ROWS
    expected = torch.nn.functional.cross_entropy(logits, wanted, ignore_index=-100)
    torch.testing.assert_close(loss, expected)


def test_the_base_is_a_whole_model_of_yues_kind(base: Path) -> None:
    model = load_base(base, dtype="float32", device="cpu", needed_rows=ROWS)
    config = model.config
    assert config.vocab_size == ROWS
    assert not config.tie_word_embeddings
    assert config.num_key_value_heads < config.num_attention_heads
    assert config.rope_parameters["rope_theta"] == 10_000
    assert config.max_position_embeddings >= 2048
    assert model.model.embed_tokens.weight.shape == model.lm_head.weight.shape


def test_rows_of_ids_that_no_song_holds_are_one_row_to_the_loss(
    base: Path, tokenizer_path: Path
) -> None:
    head = distinct_head(load_base(base, dtype="float32", device="cpu").lm_head)
    assert isinstance(head, DistinctHead)
    assert len(head.weight) == len(used_ids(tokenizer_path)) + 1


def test_equal_seeds_make_equal_bytes_and_others_other_bytes(
    base: Path, tokenizer_path: Path, codec_folder: Path, tmp_path: Path
) -> None:
    for name, seed in (("again", 0), ("other", 1)):
        make_base(tokenizer_path, codec_folder, tmp_path / name, seed, plan=SHORT, songs=TWO_SONGS)
    assert folder_digest(tmp_path / "again") == folder_digest(base)
    assert folder_digest(tmp_path / "other") != folder_digest(base)
