"""Text to ids as YuE does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from yue.errors import SongError, YueError
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import EOD, SOA, TEXT_SIZE


@pytest.fixture(scope="module")
def yues(golden: Path) -> TextTokenizer:
    return TextTokenizer(golden / "tokenizer.model")


@pytest.fixture(scope="module")
def yues_upstream(golden: Path) -> TextTokenizer:
    return TextTokenizer(golden / "tokenizer.model", specials_in_text=True)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        ("[verse]\n\n", [518, 3901, 29962, 13, 13]),
        ("\n", [29871, 13]),
        ("[start_of_segment]", [518, 2962, 29918, 974, 29918, 28192, 29962]),
        ("[end_of_segment]", [518, 355, 29918, 974, 29918, 28192, 29962]),
        ("[start_of_reference]", [518, 2962, 29918, 974, 29918, 5679, 29962]),
        ("[end_of_reference]", [518, 355, 29918, 974, 29918, 5679, 29962]),
    ],
)
def test_the_published_encodings(yues: TextTokenizer, text: str, ids: list[int]) -> None:
    assert yues.encode(text).tolist() == ids


def test_strings_that_look_like_control_ids_are_text(yues: TextTokenizer) -> None:
    for text in ("<SOA>", "<EOD>", "<xcodec>", "a<EOA>b", "</s>", "<xcodec/0/5>"):
        ids = yues.encode(text)
        assert ids.max() < TEXT_SIZE
        assert yues.decode(ids) == text


def test_upstreams_mode_turns_registered_strings_into_control_ids(
    yues: TextTokenizer, yues_upstream: TextTokenizer
) -> None:
    parts = [yues.encode("a").tolist(), [SOA], yues.encode(" b").tolist(), [EOD], [1], [83736]]
    found = yues_upstream.encode("a<SOA> b<EOD><s><MASK>").tolist()
    assert found == [token for part in parts for token in part]
    assert yues_upstream.encode("<xcodec>").max() < TEXT_SIZE, "separators are not registered"


@given(st.text(max_size=60))
def test_any_text_comes_back(tokenizer: TextTokenizer, text: str) -> None:
    try:
        ids = tokenizer.encode(text)
    except SongError:
        assert any(0xD800 <= ord(c) < 0xE000 for c in text)
        return
    # SentencePiece writes spaces as U+2581, so that character alone comes back as a space.
    assert tokenizer.decode(ids) == text.replace("\u2581", " ")
    assert ids.dtype == np.int32


def test_control_ids_decode_to_their_names(tokenizer: TextTokenizer) -> None:
    ids = [*tokenizer.encode("[verse]").tolist(), SOA, 32016, 45334, *tokenizer.encode("x")]
    assert tokenizer.decode(np.array(ids)) == "[verse]<SOA><xcodec><xcodec/0/0>x"


def test_half_a_surrogate_pair_is_an_error_about_the_lyrics(tokenizer: TextTokenizer) -> None:
    with pytest.raises(SongError, match="not valid Unicode"):
        tokenizer.encode("\ud83d")


def test_a_missing_or_wrong_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(YueError, match="no such tokenizer"):
        TextTokenizer(tmp_path / "none.model")
    (tmp_path / "bad.model").write_bytes(b"not a model")
    with pytest.raises(YueError, match=r"(?s)not a SentencePiece model\n  fix: .*--tokenizer"):
        TextTokenizer(tmp_path / "bad.model")


def test_a_model_with_ids_in_the_range_of_codes_is_refused(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = TEXT_SIZE + 1
    monkeypatch.setattr(sentencepiece.SentencePieceProcessor, "get_piece_size", lambda _: size)
    with pytest.raises(YueError, match="a tokenizer of 32001 pieces, which is not YuE's"):
        TextTokenizer(small_model)
