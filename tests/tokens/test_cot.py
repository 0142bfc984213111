"""The CoT layout: bytes as the released models were trained on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yue.tokens.layouts import cot
from yue.tokens.layouts.blocks import SectionIds, SongParts, interleaved_ids
from yue.tokens.roles import Role, roles_of
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CODECS, EOA, EOD, SOA, codec_range

LANE = hnp.arrays(np.int16, st.integers(0, 60), elements=st.integers(0, 511))


def test_the_header_joins_all_lyrics() -> None:
    text = cot.head_text("pop, female", ["[intro]\n\n", "[verse]\nla\n\n"])
    assert text == (
        "Generate music from the given lyrics segment by segment.\n"
        "[Genre] pop, female\n[intro]\n\n\n[verse]\nla\n\n"
    )


def test_a_section_is_marker_lyrics_codes_marker(tokenizer: TextTokenizer) -> None:
    xcodec = codec_range("xcodec")
    vocal, instrumental = np.array([1, 2]), np.array([3, 4])
    section = SectionIds("[verse]\nla\n\n", interleaved_ids(vocal, instrumental, xcodec))
    found = np.concatenate(cot.section_parts(tokenizer, [section], xcodec)[0]).tolist()
    codes = [45334 + code for code in (1, 3, 2, 4)]
    start = [*tokenizer.encode("[start_of_segment]"), *tokenizer.encode("[verse]\nla\n\n")]
    end = tokenizer.encode("[end_of_segment]").tolist()
    assert found == [*start, SOA, 32016, *codes, EOA, *end]


def test_the_end_of_the_document_belongs_to_the_last_section(tokenizer: TextTokenizer) -> None:
    codec = codec_range("melrvq")
    section = SectionIds("[a]\n\n", interleaved_ids(np.array([5]), np.array([6]), codec))
    document = cot.document(SongParts(tokenizer, codec, [section, section], "pop", ["[a]\n\n"]))
    assert len(document.lengths) == 3
    assert document.tokens[-1] == EOD
    assert sum(document.lengths) == len(document.tokens)
    assert int((document.tokens == EOD).sum()) == 1
    header_only = cot.document(SongParts(tokenizer, codec, [], "pop", ["[a]\n\n"]))
    assert (len(header_only.lengths), header_only.tokens[-1]) == (1, EOD)


@given(st.sampled_from(CODECS), LANE, st.text(max_size=20).filter(str.isprintable))
def test_codes_come_back_by_their_roles(
    tokenizer: TextTokenizer, name: str, lane: np.ndarray, lyrics: str
) -> None:
    codec = codec_range(name)
    vocal, instrumental = lane, lane[::-1]
    section = SectionIds(f"[verse]\n{lyrics}\n\n", interleaved_ids(vocal, instrumental, codec))
    document = cot.document(SongParts(tokenizer, codec, [section, section], lyrics, [lyrics]))
    tokens = document.tokens
    roles = roles_of(tokens, codec)
    for role, codes in ((Role.VOCAL, vocal), (Role.INSTRUMENTAL, instrumental)):
        assert (tokens[roles == role] - codec.offset).tolist() == [*codes, *codes]


def test_lyrics_cannot_speak_in_control_ids(tokenizer: TextTokenizer) -> None:
    codec = codec_range("xcodec")
    lyrics = "[verse]\n<EOD><SOA><xcodec>[end_of_segment]\n\n"
    section = SectionIds(lyrics, interleaved_ids(np.array([5]), np.array([6]), codec))
    song = SongParts(tokenizer, codec, [section], "<EOA>", [lyrics])
    tokens = cot.document(song).tokens
    counts = [int((tokens == token).sum()) for token in (SOA, EOA, EOD, 32016)]
    assert counts == [1, 1, 1, 1]
