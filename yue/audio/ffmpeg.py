"""Reading m4a, mp4, aac, wma and whatever else FFmpeg reads, by PyAV.

A container's own account of encoder delay and padding is honoured, so an m4a begins and ends where
its source did. Raw streams (aac, ac3, mp2) have no such account and keep the delay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yue.audio.source import Damaged, Format, Reader, Samples, cut_off

SUFFIXES = frozenset({
    ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".aac", ".wma", ".wmv", ".alac", ".ape", ".wv", ".mpc",
    ".mp2", ".ac3", ".mka", ".mkv", ".webm", ".avi",
})  # fmt: skip
_MAGIC = ((4, b"ftyp"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), (0, b"\x1a\x45\xdf\xa3"))
_LOCAL = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach the network
_GUESSED = frozenset({"aac", "ac3", "eac3", "mp3", "mp2"})  # lengths of these are estimates
_TOLERANCE = 0.25  # seconds by which a file may end before its declared end
_PADDING = 8192  # samples that an encoder may have added to fill its last frame


def is_ffmpegs(path: Path) -> bool:
    """Whether a file is one of FFmpeg's by its first bytes (``song.mp3`` may be an m4a) or name."""
    with path.open("rb") as stream:
        head = stream.read(16)
    return path.suffix.lower() in SUFFIXES or any(head[at:].startswith(m) for at, m in _MAGIC)


@contextlib.contextmanager
def open_ffmpeg(path: Path) -> Iterator[Reader]:
    """Open a file's first audio stream.

    Raises:
        Damaged: It is not media, or has no audio.
    """
    import av  # 20 MB of libraries, loaded where a song needs them

    with contextlib.ExitStack() as stack:
        try:
            container = stack.enter_context(
                av.open(f"file:{path}", metadata_errors="replace", options=_LOCAL)
            )
            if not container.streams.audio:
                raise Damaged("there is no audio in it", "remove the file")
            frames = container.decode(container.streams.audio[0])
            first = next(frames, None)
        except (av.FFmpegError, EOFError) as error:
            raise Damaged(
                f"it is not audio that can be read ({_plain(error)})",
                "get it again; if it plays, convert it first: ffmpeg -i FILE FILE.flac",
            ) from error
        if first is None:
            raise Damaged("there is no audio in it", "remove the file")
        shape = Format(first.sample_rate, len(first.layout.channels))
        yield Reader(shape, _blocks(container, first, frames, shape))


def _blocks(container: Any, first: Any, frames: Iterator[Any], shape: Format) -> Iterator[Samples]:
    import av

    declared = _declared_seconds(container)
    exact = None if declared is None else round(declared * shape.sample_rate)
    convert = av.AudioResampler(format="flt", layout=first.layout, rate=shape.sample_rate)
    read = 0
    frame: Any = first
    while frame is not None:
        try:
            parts = [part.to_ndarray() for part in convert.resample(frame)]
            frame = next(frames, None)
        except (av.FFmpegError, ValueError) as error:  # ValueError: rate or channels change midway
            raise Damaged(
                f"it is damaged near {read / shape.sample_rate:.1f} s ({_plain(error)})",
                "get the file again from where it came",
            ) from error
        for part in parts:
            block: Samples = part.reshape(-1, shape.channels)
            if exact is not None and 0 < read + len(block) - exact <= _PADDING:
                block = block[: max(0, exact - read)]
            read += len(block)
            if len(block):
                yield block
    if declared is not None and read < (declared - _TOLERANCE) * shape.sample_rate:
        raise cut_off(read / shape.sample_rate)


def _declared_seconds(container: Any) -> float | None:
    """The length of the audio by the container's header, where it has one."""
    if container.format.name in _GUESSED:
        return None
    stream = container.streams.audio[0]
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    # A length of the whole file is that of its video, if there is one.
    if container.duration is None or len(container.streams) > 1:
        return None
    return float(container.duration / 1_000_000)


def _plain(error: Exception) -> str:
    """What FFmpeg says, without the path."""
    return str(getattr(error, "strerror", None) or error).split(":")[0].rstrip(".")
