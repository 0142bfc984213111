"""The two decoders, libsndfile and FFmpeg (by PyAV): each gives a format and blocks of samples.

libsndfile reads wav, flac, mp3, ogg, opus, aiff and more, and passes over files that end early;
that is an error here. FFmpeg reads m4a, mp4, aac, wma and the rest. A container's own account of
encoder delay and padding is honoured, so an m4a begins and ends where its source did; raw streams
(aac, ac3, mp2) have no such account and keep the delay.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

SUFFIXES = frozenset({
    ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".aac", ".wma", ".wmv", ".alac", ".ape", ".wv", ".mpc",
    ".mp2", ".ac3", ".mka", ".mkv", ".webm", ".avi",
})  # fmt: skip
_MAGIC = ((4, b"ftyp"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), (0, b"\x1a\x45\xdf\xa3"))
_LOCAL = {"protocol_whitelist": "file"}  # a playlist in disguise must not reach the network
_GUESSED = frozenset({"aac", "ac3", "eac3", "mp3", "mp2"})  # lengths of these are estimates
_TOLERANCE = 0.25  # seconds by which a file may end before its declared end
_PADDING = 8192  # samples that an encoder may have added to fill its last frame
_BLOCK = 1 << 16  # samples a channel
_UNKNOWN_LENGTH = 0x7FFF_0000  # what streaming encoders write where the length should be
_CUT = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_OGG_PAGE, _OGG_LARGEST, _OGG_LAST = 27, 65_307, 0x04  # header bytes, page bytes, header flag


@dataclass(frozen=True)
class AudioFormat:
    """What a file says of itself.

    Attributes:
        sample_rate: Hertz.
        channels: How many.
    """

    sample_rate: int
    channels: int


@dataclass(frozen=True)
class AudioReader:
    """An open file.

    Attributes:
        format: Of its samples.
        blocks: All of them in order, once, each block of shape (samples, channels).
    """

    format: AudioFormat
    blocks: Iterator[Samples]


class DamagedError(Exception):
    """Raised when a file cannot be decoded: why, and what to do. The caller knows its name."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


def needs_ffmpeg(path: Path) -> bool:
    """Return whether FFmpeg reads a file, by its first bytes (an .mp3 may be an m4a) or name."""
    with path.open("rb") as stream:
        head = stream.read(16)
    return path.suffix.lower() in SUFFIXES or any(head[at:].startswith(m) for at, m in _MAGIC)


@contextlib.contextmanager
def open_libsndfile(path: Path) -> Iterator[AudioReader]:
    """Open a file by libsndfile.

    Raises:
        DamagedError: It is not audio of a format that libsndfile knows.
    """
    try:
        with _silence_stderr():
            handle = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw
        raise DamagedError(
            f"it is not audio that can be read ({_libsndfile_words(error)})",
            "if it plays, convert it first: ffmpeg -i FILE FILE.flac; else remove it",
        ) from error
    with handle:
        yield AudioReader(
            AudioFormat(handle.samplerate, handle.channels), _libsndfile_blocks(path, handle)
        )


def _libsndfile_blocks(path: Path, handle: soundfile.SoundFile) -> Iterator[Samples]:
    _refuse_cut_container(path, handle)
    read = 0
    while len(block := _read_block(handle, read)):
        read += len(block)
        yield block
    if read < handle.frames:
        raise _cut_off_error(read / handle.samplerate)


def _read_block(handle: soundfile.SoundFile, position: int) -> Samples:
    try:
        with _silence_stderr():
            block: Samples = handle.read(_BLOCK, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise DamagedError(
            f"it is damaged near {position / handle.samplerate:.1f} s ({_libsndfile_words(error)})",
            "get the file again from where it came",
        ) from error
    return block


def _refuse_cut_container(path: Path, handle: soundfile.SoundFile) -> None:
    """Find a lost end that libsndfile knows of (or could) but does not report as an error."""
    found = _CUT.search(handle.extra_info)
    if (found and int(found[2]) < int(found[1]) < _UNKNOWN_LENGTH) or (
        handle.format == "OGG" and not _has_last_ogg_page(path)
    ):
        raise _cut_off_error(handle.frames / handle.samplerate)


def _libsndfile_words(error: Exception) -> str:
    """Return what libsndfile says, without the path and the final stop."""
    text = str(getattr(error, "error_string", error)).strip().rstrip(".")
    # libsndfile says so of an mp3 in which it finds no frame.
    return "no audio found in it" if "regular file" in text else text


def _has_last_ogg_page(path: Path) -> bool:
    """Return whether an ogg file's last page is whole and flagged as the last of its stream."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _OGG_LARGEST))
        tail = stream.read()
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) < _OGG_PAGE:
        return False
    segments = page[_OGG_PAGE : _OGG_PAGE + page[26]]
    whole = len(segments) == page[26] and len(page) >= _OGG_PAGE + page[26] + sum(segments)
    return whole and bool(page[5] & _OGG_LAST)


@contextlib.contextmanager
def _silence_stderr() -> Iterator[None]:
    """Keep the mp3 decoder, a C library, from printing on the process's standard error.

    It prints before every failure, and without the file's name; ours has both.
    """
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@contextlib.contextmanager
def open_ffmpeg(path: Path) -> Iterator[AudioReader]:
    """Open a file's first audio stream by FFmpeg.

    Raises:
        DamagedError: It is not media, or has no audio.
    """
    import av  # 20 MB of libraries, loaded where a song needs them

    with contextlib.ExitStack() as stack:
        try:
            container = stack.enter_context(
                av.open(f"file:{path}", metadata_errors="replace", options=_LOCAL)
            )
            if not container.streams.audio:
                raise DamagedError("there is no audio in it", "remove the file")
            frames = container.decode(container.streams.audio[0])
            first = next(frames, None)
        except (av.FFmpegError, EOFError) as error:
            raise DamagedError(
                f"it is not audio that can be read ({_ffmpeg_words(error)})",
                "get it again; if it plays, convert it first: ffmpeg -i FILE FILE.flac",
            ) from error
        if first is None:
            raise DamagedError("there is no audio in it", "remove the file")
        shape = AudioFormat(first.sample_rate, len(first.layout.channels))
        yield AudioReader(shape, _ffmpeg_blocks(container, first, frames, shape))


def _ffmpeg_blocks(
    container: Any, first: Any, frames: Iterator[Any], shape: AudioFormat
) -> Iterator[Samples]:
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
            raise DamagedError(
                f"it is damaged near {read / shape.sample_rate:.1f} s ({_ffmpeg_words(error)})",
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
        raise _cut_off_error(read / shape.sample_rate)


def _declared_seconds(container: Any) -> float | None:
    """Return the length of the audio by the container's header, where it has one."""
    if container.format.name in _GUESSED:
        return None
    stream = container.streams.audio[0]
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    # A length of the whole file is that of its video, if there is one.
    if container.duration is None or len(container.streams) > 1:
        return None
    return float(container.duration / 1_000_000)


def _ffmpeg_words(error: Exception) -> str:
    """Return what FFmpeg says, without the path."""
    return str(getattr(error, "strerror", None) or error).split(":")[0].rstrip(".")


def _cut_off_error(seconds: float) -> DamagedError:
    """Return the error about a file that ends before its declared end."""
    return DamagedError(
        f"it is cut off: it ends after {seconds:.1f} s, before the end that its header declares",
        "get the file again from where it came",
    )
