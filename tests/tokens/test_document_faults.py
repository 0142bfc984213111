"""Everything odd about a document's ids is found, and nothing is odd about a good one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yue.tokens.document_faults import document_faults
from yue.tokens.layouts import cot
from yue.tokens.layouts.blocks import Section, interleaved_ids
from yue.tokens.roles import Shape
from yue.tokens.text_tokenizer import TextTokenizer
from yue.tokens.vocabulary import CODECS, EOA, EOD, SOA, codec_range

XCODEC = codec_range("xcodec").first(1)
SHAPE = Shape(XCODEC)
C = XCODEC.offset
IDS = st.sampled_from([SOA, EOA, EOD, 32016, C, C + 5, 3]) | st.integers(-(2**31), 2**31 - 1)
GOOD = [5, 6, SOA, 32016, C, C + 1, C + 2, C + 3, EOA, 7, EOD]


def faults(tokens: list[int]) -> list[str]:
    found = document_faults(np.array(tokens, dtype=np.int32), SHAPE)
    return [f"{fault.token}: {fault.message}" for fault in found]


@pytest.mark.parametrize("name", CODECS)
def test_nothing_is_odd_about_what_the_layout_writes(tokenizer: TextTokenizer, name: str) -> None:
    codec = codec_range(name).first(1)
    ids = interleaved_ids(np.arange(50), np.arange(50), codec)
    sections = [Section("[verse]\nla\n\n", ids), Section("[end]\n\n", ids)]
    document = cot.document(tokenizer, "pop", ["[verse]\nla\n\n"], sections, codec)
    assert document_faults(document.tokens, Shape(codec)) == []


def test_the_good_one_is_good() -> None:
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], "0: the document is empty"),
        ([5, 6, EOD], "0: there are no codes in this document"),
        ([*GOOD[:-1], 99_999, EOD], "10: id 99999 <id 99999> is outside the vocabulary 0..83967"),
        ([-5, *GOOD], "0: id -5 <id -5> is outside the vocabulary"),
        ([83_736, *GOOD], "0: id 83736 <MASK> is not an id of documents with codebook 0 of xcodec"),
        ([32_022, *GOOD], "0: id 32022 <dac16k/0/0> is not an id of documents"),
        (
            [5, SOA, 32016, C + 1024, C, EOA, EOD],
            "3: id 46358 <xcodec/1/0> is not an id of documents with",
        ),
        ([5, SOA, 32016, C, C, C, EOA, EOD], "2: 3 codes in a block: an odd lane"),
        ([5, SOA, 32016, C, C, EOD], "1: <SOA> without an <EOA> after it"),
        ([5, SOA, 32016, C, C, SOA, 32016, C, C, EOA, EOD], "1: <SOA> without an <EOA>"),
        ([5, EOA, *GOOD], "1: <EOA> without an <SOA> before it"),
        ([5, SOA, C, C, EOA, EOD], "2: <SOA> is not followed by <xcodec>"),
        ([5, SOA, 32016, EOA, EOD], "2: a block without codes"),
        ([5, SOA, 32016, C, 9, C, EOA, EOD], "4: text id 9 among the codes of a block"),
        ([C, *GOOD], "0: id 45334 <xcodec/0/0> is a code outside any block of codes"),
        (GOOD[:-1], "9: the document does not end in <EOD>"),
        ([EOD, *GOOD], "0: <EOD> before the end of the document"),
    ],
)
def test_each_odd_thing_is_named_with_its_place(tokens: list[int], expected: str) -> None:
    assert any(found.startswith(expected) for found in faults(tokens)), faults(tokens)


def test_many_of_a_kind_are_one_fault() -> None:
    assert faults([*[83_736] * 50, *GOOD]) == [
        "0: id 83736 <MASK> is not an id of documents with codebook 0 of xcodec (and 49 more)"
    ]


@given(hnp.arrays(np.int32, st.integers(0, 40), elements=IDS))
def test_any_ids_can_be_looked_at(tokens: np.ndarray) -> None:
    places = [fault.token for fault in document_faults(tokens, SHAPE)]
    assert places == sorted(places)
    assert all(0 <= place <= max(len(tokens), 0) for place in places)


@given(st.data())
def test_any_one_token_lost_from_around_the_codes_shows(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([2, 3, 4, 8, 10]))
    assert faults(GOOD[:place] + GOOD[place + 1 :])


STAGE2 = Shape(codec_range("xcodec").first(3), 1, 1, is_stage2=True)
CHUNK = [SOA, 32013, C, C, 32017, C + 1024, C + 2048, C + 1024, C + 2048, EOA, EOD]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([SOA, 32013, C, C, C + 1024, EOA, EOD], "1: 0 times <stage_2> in a chunk"),
        ([*CHUNK[:4], 32017, *CHUNK[4:]], "1: 2 times <stage_2> in a chunk"),
        ([*CHUNK[:5], C + 9, *CHUNK[5:7], C, *CHUNK[7:]], "1: codebook 0 after <stage_2> differs"),
        ([*CHUNK[:5], *CHUNK[6:]], "1: 5 codes in a block: an odd lane, not a multiple of 6"),
        ([*CHUNK[:5], C + 2048, C + 1024, *CHUNK[7:]], "1: code 2 of the block is of codebook 2"),
        ([SOA, *CHUNK[2:]], "1: <SOA> is not followed by <stage_1>"),
        ([*CHUNK[:3], 9, *CHUNK[3:]], "3: text id 9 among the codes"),
        ([*CHUNK[:5], C + 3072, *CHUNK[6:]], "5: id 48406 <xcodec/3/0> is not an id of documents"),
    ],
)
def test_odd_chunks_of_stage_2_are_named(tokens: list[int], expected: str) -> None:
    found = document_faults(np.array(tokens), STAGE2)
    assert any(f"{f.token}: {f.message}".startswith(expected) for f in found), found


def test_good_chunks_are_good() -> None:
    forced = [*CHUNK[:5], C, *CHUNK[5:7], C, *CHUNK[7:]]
    for tokens in (CHUNK, forced, [*CHUNK[:-1], *CHUNK]):
        assert document_faults(np.array(tokens), STAGE2) == []
