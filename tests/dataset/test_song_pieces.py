"""Songs longer than the context are cut between sections, their header repeated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yue.dataset.song_pieces import Piece, songs_too_long, split_document
from yue.errors import TrainingError

Make = Any
SONG = st.tuples(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 90)), min_size=1, max_size=8),
)
SMALLEST = 20 + 1 + 10 + 2 + 3 + 2 + 2  # header, opening of a section, its ending, slack, a frame


def split(make_files: Make, song: tuple[int, Sequence[tuple[int, int]]], context: int) -> Any:
    files, (tokens,) = make_files([song])
    return split_document(files, 0, context), tokens, files.sequence_lengths(0)


@settings(max_examples=40)
@given(SONG, st.integers(SMALLEST, 300))
def test_pieces_cover_a_song_once_and_fit(
    make_files: Make, song: tuple[int, list[tuple[int, int]]], context: int
) -> None:
    pieces, tokens, lengths = split(make_files, song, context)
    bodies = [piece.body for piece in pieces]
    assert bodies[0].start == 0
    assert bodies[-1].stop == len(tokens)
    assert all(first.stop == second.start for first, second in pairwise(bodies))
    header = range(song[0])
    for piece in pieces:
        assert piece.tokens <= context
        assert piece.header == (header if piece.body.start else range(0))
        assert len(piece.take(tokens)) == piece.tokens
        assert piece.take(tokens)[: len(header)].tolist() == tokens[: len(header)].tolist()

    ends = np.cumsum(lengths).tolist()
    sections = [range(start, stop) for start, stop in pairwise(ends)]
    cuts = {piece.body.stop for piece in pieces[:-1]}
    for section, (lyrics, frames) in zip(sections, song[1], strict=True):
        inside = [cut for cut in cuts if section.start < cut < section.stop]
        assert bool(inside) == (len(header) + len(section) > context), "cut if and only if it must"
        first_code = section.start + 1 + lyrics + 2
        assert all((cut - first_code) % 2 == 0 for cut in inside), "between two frames"
        assert all(first_code < cut < first_code + 2 * frames for cut in inside)
    for piece in pieces:
        starts_inside = any(s.start < piece.body.start < s.stop for s in sections)
        assert bool(piece.opening) == starts_inside
        assert piece.cut == (
            starts_inside or any(s.start < piece.body.stop < s.stop for s in sections)
        )


def test_a_piece_is_filled_with_whole_sections_up_to_the_context(make_files: Make) -> None:
    song = (10, [(2, 20)] * 5)  # sections of 1 + 2 + 2 + 40 + 2 = 47 tokens, <EOD> ends the last
    pieces, _, _ = split(make_files, song, 10 + 2 * 47)
    assert [(p.body.start, p.body.stop, len(p.header)) for p in pieces] == [
        (0, 104, 0), (104, 198, 10), (198, 246, 10)
    ]  # fmt: skip
    assert not any(piece.cut for piece in pieces)


def test_a_section_longer_than_the_context_is_cut_in_equal_parts(make_files: Make) -> None:
    pieces, tokens, _ = split(make_files, (10, [(2, 300)]), 220)
    assert [len(piece.body) for piece in pieces] == [10 + 5 + 200, 200, 200 + 3]
    assert all(piece.cut for piece in pieces)
    opening = tokens[10:15].tolist()
    for piece in pieces[1:]:
        assert piece.opening == range(10, 15)
        assert piece.take(tokens)[10:15].tolist() == opening


def test_the_first_piece_is_never_a_header_alone(make_files: Make) -> None:
    pieces, _, _ = split(make_files, (10, [(2, 300), (1, 10)]), 220)
    assert pieces[0].body.start == 0
    assert len(pieces[0].body) > 20


@pytest.mark.parametrize("context", [5, 10, 17, 21])
def test_a_context_without_room_says_how_much_is_needed(make_files: Make, context: int) -> None:
    song = (10, [(2, 300)])
    with pytest.raises(TrainingError) as error:
        split(make_files, song, context)
    assert f"a context of {context} tokens is too short for song 'song 0'" in error.value.what
    assert "its header (instruction, genres, all lyrics) is 10 tokens" in error.value.why
    needed = int(error.value.fix.split("needs ")[1].split()[0])
    assert split(make_files, song, needed)[0], "what it asks for is enough"
    with pytest.raises(TrainingError):
        split(make_files, song, needed - 1)


@settings(max_examples=40)
@given(SONG, st.integers(1, 300))
def test_songs_that_no_context_can_hold_are_told_before_training(
    make_files: Make, song: tuple[int, list[tuple[int, int]]], context: int
) -> None:
    files, _ = make_files([song])
    why = [str(error) for error in songs_too_long(files, context)]
    try:
        split_document(files, 0, context)
        expected = []
    except TrainingError as error:
        expected = [str(error)]
    assert why == expected


def test_a_header_alone_that_is_too_long_is_refused(make_files: Make) -> None:
    with pytest.raises(TrainingError, match="too short"):
        split(make_files, (50, []), 40)


def test_a_whole_document_is_one_piece() -> None:
    piece = Piece(3, range(7))
    tokens = np.arange(7)
    assert piece.take(tokens).tolist() == tokens.tolist()
    assert (piece.tokens, piece.repeated, piece.cut) == (7, 0, False)
