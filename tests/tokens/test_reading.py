"""Megatron-style readers open our files, and our reader opens upstream's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tokens.decoding import audio_blocks
from tests.tokens.megatron_reader import MegatronReader
from yue.dataset.token_files import TokenFiles
from yue.tokens.document_faults import document_faults
from yue.tokens.layouts.table import LAYOUTS
from yue.tokens.options import Options
from yue.tokens.vocabulary import codec_range
from yue.tokens.write_files import write_token_files

Corpus = Any
GOLDEN = {
    "dummy_cot/text_document": (4, 34_652),
    "ext_cot/x_text_document": (9, 53_671),
    "ext_icl_dual/x_text_document": (8, 72_204),
    "ext_stage2/x_text_document": (4, 14_426),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compat", ["strict", "upstream"])
def test_a_megatron_reader_sees_the_same_songs(
    corpus: Corpus, small_model: Path, tmp_path: Path, layout: str, compat: str
) -> None:
    for number in range(4):
        corpus.row(f"{number}", frames=320 + 50 * number, books=12, mixture=True, text="unused")
    options = Options(layout=layout, compat=compat, prompt_seconds=1.0)
    write_token_files(
        corpus.jsonl,
        corpus.root,
        small_model,
        codec_range("xcodec"),
        output_prefix=tmp_path / "out.v1",
        options=options,
    )
    reader, files = MegatronReader(tmp_path / "out.v1"), TokenFiles.open(tmp_path / "out.v1")
    assert reader.dtype == np.dtype("<i4")
    assert len(reader) == len(files.lengths)
    documents = reader.documents()
    assert len(documents) == files.documents == 4
    for number, sequences in enumerate(documents):
        assert [len(s) for s in sequences] == files.sequence_lengths(number).tolist()
        assert np.array_equal(np.concatenate(sequences), files.document(number))


@pytest.mark.parametrize("name", GOLDEN)
def test_upstreams_files_are_read_and_nothing_is_odd_but_what_upstream_does_wrong(
    golden: Path, name: str
) -> None:
    prefix = golden / "expected" / name
    files = TokenFiles.open(prefix, codec=codec_range("xcodec"))
    assert (files.documents, files.tokens) == GOLDEN[name]
    for number, sequences in enumerate(MegatronReader(prefix).documents()):
        tokens = files.document(number)
        assert np.array_equal(tokens, np.concatenate([np.zeros(0, np.int32), *sequences]))
        shape = files.info.shape(tokens)
        blocks = audio_blocks(tokens, shape)
        codes = sum(lane.size for block in blocks for lane in block.lanes)
        assert codes == ((tokens >= 45334) & (tokens < 57622)).sum()
        known = ["the document is empty"] if not len(tokens) else []
        known += ["there are no codes in this document"] if len(tokens) and not codes else []
        # One song's lyrics say <SOA> and <EOD>, which upstream turns into control ids.
        if (tokens[:-1] == 32000).sum() == 0:
            assert [f.message for f in document_faults(tokens, shape)] == known
