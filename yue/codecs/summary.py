"""What tokenizing says when it is done."""

from __future__ import annotations

from yue.codecs.card import CodecCard
from yue.codecs.encode import Encoded
from yue.wording import counted


def describe_codes(done: Encoded, card: CodecCard) -> str:
    """Counts, the codec, and the speed where something was encoded."""
    text = (
        f"{counted(done.songs, 'song')} ({done.reused:,} from the store, "
        f"{done.songs - done.reused:,} encoded): {counted(done.tracks, 'track')} in "
        f"{counted(card.codebooks, 'codebook')} of {card.title} at "
        f"{float(card.frame_rate):g} frames/s"
    )
    return f"{text}, {done.speed:.0f} times real time" if done.speed else text
