"""Reading wav, flac, mp3, ogg, opus, aiff and more by libsndfile.

What libsndfile would pass over in silence is an error here: a file that ends early.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile

from yue.audio.source import Damaged, Format, Reader, Samples, cut_off

_BLOCK = 1 << 16  # samples a channel
_UNKNOWN_LENGTH = 0x7FFF_0000  # what streaming encoders write where the length should be
_CUT = re.compile(r"^\s*(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_OGG_PAGE, _OGG_LARGEST, _OGG_LAST = 27, 65_307, 0x04  # header bytes, page bytes, header flag


@contextlib.contextmanager
def open_libsndfile(path: Path) -> Iterator[Reader]:
    """Open a file.

    Raises:
        Damaged: It is not audio of a format that libsndfile knows.
    """
    try:
        with _quiet_stderr():
            handle = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless .raw
        raise Damaged(
            f"it is not audio that can be read ({_plain(error)})",
            "if it plays, convert it first: ffmpeg -i FILE FILE.flac; else remove it",
        ) from error
    with handle:
        yield Reader(Format(handle.samplerate, handle.channels), _blocks(path, handle))


def _blocks(path: Path, handle: soundfile.SoundFile) -> Iterator[Samples]:
    _refuse_cut_container(path, handle)
    read = 0
    while len(block := _read(handle, read)):
        read += len(block)
        yield block
    if read < handle.frames:
        raise cut_off(read / handle.samplerate)


def _read(handle: soundfile.SoundFile, position: int) -> Samples:
    try:
        with _quiet_stderr():
            block: Samples = handle.read(_BLOCK, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise Damaged(
            f"it is damaged near {position / handle.samplerate:.1f} s ({_plain(error)})",
            "get the file again from where it came",
        ) from error
    return block


def _refuse_cut_container(path: Path, handle: soundfile.SoundFile) -> None:
    """Find a lost end that libsndfile knows of (or could) but does not report as an error."""
    found = _CUT.search(handle.extra_info)
    if (found and int(found[2]) < int(found[1]) < _UNKNOWN_LENGTH) or (
        handle.format == "OGG" and not _has_last_ogg_page(path)
    ):
        raise cut_off(handle.frames / handle.samplerate)


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
