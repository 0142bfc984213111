"""The published ranges of mm tokenizer v0.2, and this project's range above them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import sentencepiece

from yue.errors import CodecError
from yue.tokens import vocabulary as v

# name, first id, last id, codebooks (YuE v1, mm tokenizer v0.2)
PUBLISHED = [
    ("dac16k", 32022, 36117, 4),
    ("dac44k", 36118, 45333, 9),
    ("xcodec", 45334, 57621, 12),
    ("mert", 57622, 58645, 1),
    ("hubert", 58646, 59157, 1),
    ("semantic_s", 59158, 75541, 1),
    ("semantic_a", 75542, 83733, 1),
    ("semanticodec", 59158, 83733, 2),
]


@pytest.mark.parametrize(("name", "first", "last", "books"), PUBLISHED)
def test_the_published_ranges(name: str, first: int, last: int, books: int) -> None:
    codec = v.codec_range(name)
    assert (codec.offset, codec.end - 1, codec.codebooks) == (first, last, books)
    assert codec.rows == v.YUE_ROWS == 83_968


def test_the_published_control_ids() -> None:
    ids = {"EOD": 32000, "SOA": 32001, "EOA": 32002, "stage_1": 32013, "xcodec": 32016,
           "stage_2": 32017, "semanticodec": 32021}  # fmt: skip
    assert {name: v.SPECIAL_ID[name] for name in ids} == ids
    assert (v.EOD, v.SOA, v.EOA, v.STAGE_1, v.STAGE_2) == (32000, 32001, 32002, 32013, 32017)
    assert v.WRAPPER_ID == {"CLS": 83734, "SEP": 83735, "MASK": 83736, "PAD": 83737}
    assert v.PIECES == 83_734


def test_codebooks_follow_one_another_without_gap_or_overlap() -> None:
    for name in v.CODECS:
        codec = v.codec_range(name)
        ends = [offset + size for offset, size in zip(codec.offsets, codec.sizes, strict=True)]
        assert list(codec.offsets) == [codec.offset, *ends[:-1]]
        assert ends[-1] == codec.end <= codec.rows


def test_melrvq_lies_above_the_released_models_rows() -> None:
    codec = v.codec_range("melrvq")
    assert codec.offset == 83_968
    assert (codec.codebooks, codec.codebook_size, codec.frame_rate) == (8, 1024, Fraction(50))
    assert codec.separators == (codec.end,), "its separator is the id after its codes"
    assert codec.rows == v.ROWS == 92_288
    assert codec.rows % v.ROW_MULTIPLE == 0


def test_separators_and_rates() -> None:
    assert v.codec_range("xcodec").separators == (32016,)
    assert v.codec_range("semantic_s").separators == (32021, 32011)
    assert v.codec_range("semantic_a").separators == (32021, 32012)
    assert v.codec_range("dac44k").frame_rate == Fraction(11025, 128)
    assert v.codec_range("xcodec").rate_text == "50/1"
    assert v.codec_range("mert").rate_text is None


def test_ids_have_names() -> None:
    names = {32000: "<EOD>", 32016: "<xcodec>", 45334: "<xcodec/0/0>", 57621: "<xcodec/11/1023>",
             83_734: "<CLS>", 83_968: "<melrvq/0/0>", 92_160: "<melrvq>", 83_900: "<id 83900>",
             99_999: "<id 99999>"}  # fmt: skip
    assert {token: v.token_name(token) for token in names} == names


def test_the_names_are_the_pieces_of_yues_own_model(golden: Path) -> None:
    model = sentencepiece.SentencePieceProcessor(model_file=str(golden / "tokenizer.model"))
    assert model.get_piece_size() == v.PIECES
    codes = [
        token
        for name in ("dac16k", "dac44k", "xcodec")
        for token in range(v.codec_range(name).offset, v.codec_range(name).end)
    ]
    for token in [*v.SPECIAL_ID.values(), *codes]:
        assert model.id_to_piece(token) == v.token_name(token)


def test_an_unknown_codec_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(CodecError, match="codec 'mp3' has no ids") as error:
        v.codec_range("mp3")
    assert "xcodec" in str(error.value)
