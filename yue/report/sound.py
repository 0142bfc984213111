"""A WAV file as the page carries it: MP3 in a data URI, with pictures of its wave and spectrum."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from yue.evaluation.samples.sound import read_track
from yue.report.picture import colours, mel_levels, png, waveform


@dataclass(frozen=True)
class Sound:
    """What a player plays and shows.

    Attributes:
        audio: Data URI of the audio.
        picture: Data URI of a PNG: time to the right, pitch upwards, level as brightness.
        wave: Path of the waveform in an SVG of 240 by 40.
        seconds: Duration.
    """

    audio: str
    picture: str
    wave: str
    seconds: float


def load_sound(path: Path) -> Sound:
    """Read a WAV file and prepare its player.

    Raises:
        YueError: The file is missing or is not audio.
    """
    import soundfile

    track = read_track(path)
    mono, rate = track.audio, track.rate
    stream = io.BytesIO()
    soundfile.write(stream, mono, rate, format="MP3")
    return Sound(
        audio=_data_uri("audio/mpeg", stream.getvalue()),
        picture=_data_uri("image/png", png(colours(mel_levels(mono, rate)))),
        wave=waveform(mono),
        seconds=len(mono) / rate,
    )


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
