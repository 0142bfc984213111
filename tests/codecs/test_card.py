from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yue.codecs.card import Window, spans


@given(frames=st.integers(1, 500), window=st.integers(1, 90), context=st.integers(0, 30))
def test_pieces_keep_every_frame_once_with_its_context_and_are_equally_long(
    frames: int, window: int, context: int
) -> None:
    pieces = spans(frames, Window(window, context))
    assert [frame for p in pieces for frame in range(p.first, p.end)] == list(range(frames))
    assert {p.stop - p.start for p in pieces} == {min(frames, window + 2 * context)}
    for p in pieces:
        assert 0 <= p.start <= max(0, p.first - context)
        assert min(frames, p.end + context) <= p.stop <= frames


@given(frames=st.integers(1, 500))
def test_without_a_window_a_track_is_one_piece(frames: int) -> None:
    [piece] = spans(frames, None)
    assert (piece.start, piece.first, piece.end, piece.stop) == (0, 0, frames, frames)
