"""Audio files to blocks of float32 samples, by libsndfile.

Reads wav (8 to 64 bit, integer and float), flac, mp3, ogg, opus, aiff and more, without ever
holding a whole file. What libsndfile would pass over in silence is an error here: a file that ends
early, samples that are not numbers, a file too short to be music.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from yue.errors import AudioError

Samples = npt.NDArray[np.float32]

SHORTEST = 0.1  # seconds
SAMPLE_RATES = range(1_000, 1_000_000)
_BLOCK = 1 << 16  # samples a channel
_UNKNOWN_LENGTH = 0x7FFF_0000  # what streaming encoders write where the length should be
_CUT = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_OGG_PAGE, _OGG_LARGEST, _OGG_LAST = 27, 65_307, 0x04  # header bytes, page bytes, header flag


@dataclass(frozen=True)
class Format:
    """What a file says of itself.

    Attributes:
        sample_rate: Hertz.
        channels: How many.
        samples: Declared length of a channel.
    """

    sample_rate: int
    channels: int
    samples: int


class AudioFile:
    """An audio file open for reading, once, from its beginning.

    Args:
        path: The file.
        name: What messages call it.
        handle: The open file.
    """

    def __init__(self, path: Path, name: str, handle: soundfile.SoundFile) -> None:
        self.path, self.name = path, name
        self.format = Format(handle.samplerate, handle.channels, handle.frames)
        self._handle = handle

    def blocks(self) -> Iterator[Samples]:
        """All samples in order, in blocks of shape (samples, channels).

        Raises:
            AudioError: The file is damaged, cut off, too short, or holds NaN or infinity.
        """
        self._refuse_cut_container()
        read = 0
        while True:
            block = self._read(read)
            if not len(block):
                break
            if not np.isfinite(block).all():
                raise self._error(
                    f"there are samples that are not numbers (NaN or infinity) "
                    f"near {read / self.format.sample_rate:.1f} s",
                    "export the file again, as 16 or 24 bit wav or flac",
                )
            read += len(block)
            yield block
        if read < self.format.samples:
            raise self._cut_off(read)
        if read < SHORTEST * self.format.sample_rate:
            raise self._error(
                f"it has {read / self.format.sample_rate:.3f} s of audio; "
                f"less than {SHORTEST} s is no music",
                "remove the file",
            )

    def _read(self, position: int) -> Samples:
        try:
            with _quiet_stderr():
                block: Samples = self._handle.read(_BLOCK, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise self._error(
                f"it is damaged near {position / self.format.sample_rate:.1f} s ({_plain(error)})",
                "get the file again from where it came",
            ) from error
        return block

    def _refuse_cut_container(self) -> None:
        """Find a lost end that libsndfile knows of (or could) but does not report as an error."""
        found = _CUT.search(self._handle.extra_info)
        if found and int(found[2]) < int(found[1]) < _UNKNOWN_LENGTH:
            raise self._cut_off(self.format.samples)
        if self._handle.format == "OGG" and not _has_last_ogg_page(self.path):
            raise self._cut_off(self.format.samples)

    def _cut_off(self, samples: int) -> AudioError:
        return self._error(
            f"it is cut off: it ends after {samples / self.format.sample_rate:.1f} s, "
            "before the end that its header declares",
            "get the file again from where it came",
        )

    def _error(self, why: str, fix: str) -> AudioError:
        return AudioError(self.name, why=why, fix=fix)


@contextlib.contextmanager
def open_audio(path: Path, name: str | None = None) -> Iterator[AudioFile]:
    """Open an audio file.

    Args:
        path: The file.
        name: What messages call it; the path if not given.

    Raises:
        AudioError: It is missing, unreadable, empty, not audio, or of a format not known.
    """
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise AudioError(
            name, why=f"it cannot be read ({error.strerror})", fix="check the file and its rights"
        ) from error
    if empty:
        raise AudioError(name, why="it is empty (0 bytes)", fix="get the file again, or remove it")
    with _open(path, name) as handle:
        if handle.samplerate not in SAMPLE_RATES:
            raise AudioError(
                name,
                why=f"its sample rate is {handle.samplerate} Hz",
                fix="export the file again, for example as 44.1 kHz flac",
            )
        yield AudioFile(path, name, handle)


def _open(path: Path, name: str) -> soundfile.SoundFile:
    try:
        with _quiet_stderr():
            return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw
        raise AudioError(
            name,
            why=f"it is not audio that can be read ({_plain(error)})",
            fix="if it plays, convert it first: ffmpeg -i FILE FILE.flac; else remove it",
        ) from error


def _plain(error: Exception) -> str:
    """What libsndfile says, without the path and the final stop."""
    text = str(getattr(error, "error_string", error)).strip().rstrip(".")
    # libsndfile says so of an mp3 in which it finds no frame.
    return "no audio found in it" if "regular file" in text else text


def _has_last_ogg_page(path: Path) -> bool:
    """Whether the last page of an ogg file is whole and flagged as the last of its stream."""
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
def _quiet_stderr() -> Iterator[None]:
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
