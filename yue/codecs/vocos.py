"""YuE's upsampler: two Vocos vocoders that make 44.1 kHz audio of xcodec's codes.

One was trained on voices, one on instruments. As in YuE's inference, what they say below 5.5 kHz is
exchanged for what xcodec's own decoder says at 16 kHz, as loud as they had it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.codecs.base import Audio, Codec
from yue.codecs.vocos_band import exchange_low_band
from yue.errors import CodecError
from yue.wording import quoted

if TYPE_CHECKING:
    from torch import Tensor

    from yue.codecs.vocos_model import Vocos

VOCAL, INSTRUMENTAL = "decoders/decoder_131000.pth", "decoders/decoder_151000.pth"


@dataclass(frozen=True)
class UpsampledTracks:
    """A song at 44.1 kHz, (T * 882,) float32 each; the mix is exchanged by itself."""

    vocal: Audio
    instrumental: Audio
    mix: Audio


class Upsampler:
    """The two vocoders beside the codec whose codes they read.

    Args:
        codec: An xcodec.
        embed: Codes (k, T) to the sum of their vectors, (D, T).
        vocal: Of voices.
        instrumental: Of instruments.
    """

    sample_rate = 44_100

    def __init__(
        self,
        codec: Codec,
        embed: Callable[[NDArray[np.integer]], Tensor],
        vocal: Vocos,
        instrumental: Vocos,
    ) -> None:
        self._codec, self._embed = codec, embed
        self._vocal, self._instrumental = vocal, instrumental

    def decode(
        self, vocal: NDArray[np.integer], instrumental: NDArray[np.integer]
    ) -> UpsampledTracks:
        """Decode both tracks of a song.

        Args:
            vocal: (k, T) codes; the vocoders were trained on 8 codebooks.
            instrumental: (k, T) codes.
        """
        low = [self._codec.decode(codes) for codes in (vocal, instrumental)]
        high = [
            vocos.speak(self._embed(codes))
            for vocos, codes in ((self._vocal, vocal), (self._instrumental, instrumental))
        ]
        pairs = [*zip(low, high, strict=True), (low[0] + low[1], high[0] + high[1])]
        rate = self._codec.sample_rate
        return UpsampledTracks(*(exchange_low_band(a, rate, b, self.sample_rate) for a, b in pairs))


def load_upsampler(codec: Codec, path: Path) -> Upsampler:
    """Load the vocoders that lie beside the codec's weights.

    Args:
        codec: What reads the same codes.
        path: The folder of its weights.

    Raises:
        CodecError: It is not xcodec, or a file is missing, damaged or of another model.
    """
    if codec.name != "xcodec":
        raise CodecError(
            f"there is no upsampler for {codec.name}",
            why="YuE's vocoders read the codes of xcodec",
            fix="set generate.upsample to false",
        )
    for file in (VOCAL, INSTRUMENTAL):
        if not (path / file).is_file():
            raise CodecError(
                f"no upsampler in {path}",
                why=f"there is no {file}",
                fix=f"get it: yue fetch m-a-p/xcodec_mini_infer --output-dir {quoted(path)} "
                f"--include {VOCAL} {INSTRUMENTAL} (or set generate.upsample to false: 16 kHz)",
            )
    from yue.codecs.vocos_model import load_vocos
    from yue.codecs.xcodec_model import Xcodec

    assert isinstance(codec, Xcodec)
    width = codec.embed(np.zeros((1, 1), np.int64)).shape[0]
    return Upsampler(
        codec,
        codec.embed,
        *(load_vocos(path / file, width, codec.device) for file in (VOCAL, INSTRUMENTAL)),
    )
