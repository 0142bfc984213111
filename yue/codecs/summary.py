"""What tokenizing says when it is done."""

from __future__ import annotations

from yue.codecs.card import CodecCard
from yue.codecs.encode import Encoded


def describe_codes(done: Encoded, card: CodecCard) -> str:
    """Counts, the codec, and the speed where something was encoded."""
    text = (
        f"{done.songs} songs ({done.reused} from the store, {done.songs - done.reused} encoded): "
        f"{done.tracks} tracks in {card.codebooks} codebooks of {card.title} at "
        f"{float(card.frame_rate):g} frames/s"
    )
    return f"{text}, {done.speed:.0f} times real time" if done.speed else text
