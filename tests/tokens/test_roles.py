"""What each token is for, from the ids alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yue.tokens.roles import CODEBOOKS, YUE_REFERENCE_MARKER, Role, roles_of
from yue.tokens.vocabulary import EOA, EOD, SOA, codec_range

XCODEC = codec_range("xcodec")
MELRVQ = codec_range("melrvq")
T, S, V, I, P = Role.TEXT, Role.SPECIAL, Role.VOCAL, Role.INSTRUMENTAL, Role.PROMPT  # noqa: E741
FIRST = XCODEC.offset


def roles(tokens: list[int]) -> list[int]:
    return roles_of(np.array(tokens, dtype=np.int32), XCODEC).tolist()


def test_codes_alternate_from_the_first_after_the_separator() -> None:
    tokens = [5, 6, SOA, 32016, FIRST, FIRST, FIRST + 9, FIRST + 3, EOA, 7, EOD]
    assert roles(tokens) == [T, T, S, S, V, I, V, I, S, T, S]


def test_every_block_starts_with_the_vocal() -> None:
    odd = [SOA, 32016, FIRST, FIRST, FIRST, EOA]
    assert roles([*odd, 5, *odd]) == [S, S, V, I, V, S, T, S, S, V, I, V, S]


def test_codes_after_the_reference_marker_are_given() -> None:
    block = [SOA, 32016, FIRST, FIRST, EOA]
    tokens = [1, *YUE_REFERENCE_MARKER, *block, 9, *block]
    assert roles(tokens) == [T] * 8 + [S, S, P, P, S, T, S, S, V, I, S]


def test_a_code_outside_any_block_is_a_control_id() -> None:
    assert roles([FIRST, SOA, 32016, FIRST, EOA, FIRST]) == [S, S, S, V, S, S]


@pytest.mark.parametrize("tokens", [[], [5], [EOD], [5, 6, 7]])
def test_documents_without_codes(tokens: list[int]) -> None:
    assert roles(tokens) == [T if token < 32000 else S for token in tokens]


def test_codes_of_a_track_alone_are_those_of_their_codebooks() -> None:
    books = [FIRST, FIRST + 1024 * 7, FIRST + 1024 * 11]
    found = roles_of(np.array([3, SOA, 32016, *books, EOA]), XCODEC, lanes=1)
    expected = [Role.CODEBOOK_0, Role.CODEBOOK_7, Role.CODEBOOK_11]
    assert found.tolist() == [T, S, S, *expected, S]


def test_a_block_of_stage_2_is_known_by_itself() -> None:
    chunk = [SOA, 32013, FIRST, FIRST, 32017, FIRST + 1024, FIRST + 1024, EOA]
    zero, one = Role.CODEBOOK_0, Role.CODEBOOK_1
    assert roles(chunk) == [S, S, zero, zero, S, one, one, S]
    assert roles([*chunk, SOA, 32016, FIRST, FIRST, EOA])[8:] == [S, S, V, I, S]


def test_roles_index_tables_and_never_change() -> None:
    """They are saved with runs; tables have a row for each."""
    assert [int(role) for role in Role] == list(range(18))
    assert [role.title for role in Role][:7] == [
        "text", "special", "vocal", "instrumental", "prompt", "context", "codebook_0",
    ]  # fmt: skip
    assert [int(role.title.rpartition("_")[2]) for role in CODEBOOKS] == list(range(12))


def test_another_codecs_codes_are_no_codes_of_this_one() -> None:
    tokens = np.array([SOA, 32016, FIRST, FIRST, EOA])
    assert roles_of(tokens, MELRVQ).tolist() == [S] * 5


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12), st.booleans()), max_size=6),
    st.sampled_from([XCODEC, MELRVQ]),
)
def test_a_plain_loop_agrees(blocks: list[tuple[int, int, bool]], codec: object) -> None:
    tokens: list[int] = []
    expected: list[int] = []
    for text, codes, is_prompt in blocks:
        marker = list(YUE_REFERENCE_MARKER) if is_prompt else []
        tokens += [4] * text + marker + [SOA, *codec.separators]  # type: ignore[attr-defined]
        expected += [T] * (text + len(marker)) + [S] * (1 + len(codec.separators))  # type: ignore[attr-defined]
        tokens += [codec.offset] * codes + [EOA]  # type: ignore[attr-defined]
        expected += [P if is_prompt else (V, I)[n % 2] for n in range(codes)] + [S]
    found = roles_of(np.array(tokens, dtype=np.int32), codec)  # type: ignore[arg-type]
    assert found.tolist() == expected
    assert found.dtype == np.uint8
