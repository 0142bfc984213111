"""Audio files to blocks of float32 samples, whatever their format, without holding a whole file.

libsndfile reads what it can; FFmpeg (through PyAV) reads the rest. Samples that are not numbers
and files too short to be music are errors, as are files that end early.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from yue.audio.decoders import (
    AudioReader,
    DamagedError,
    Samples,
    needs_ffmpeg,
    open_ffmpeg,
    open_libsndfile,
)
from yue.errors import AudioError

_SHORTEST = 0.1  # seconds
_SAMPLE_RATES = range(1_000, 1_000_000)


class AudioFile:
    """An audio file open for reading, once, from its beginning.

    Args:
        name: What messages call it.
        reader: The open file.
    """

    def __init__(self, name: str, reader: AudioReader) -> None:
        self.name, self.format = name, reader.format
        self._reader = reader

    def blocks(self) -> Iterator[Samples]:
        """Yield all samples in order, in blocks of shape (samples, channels).

        Raises:
            AudioError: The file is damaged, cut off, too short, or holds NaN or infinity.
        """
        read, rate = 0, self.format.sample_rate
        try:
            for block in self._reader.blocks:
                if not np.isfinite(block).all():
                    raise DamagedError(
                        "there are samples that are not numbers (NaN or infinity) "
                        f"near {read / rate:.1f} s",
                        "export the file again, as 16 or 24 bit wav or flac",
                    )
                read += len(block)
                yield block
            if read < _SHORTEST * rate:
                raise DamagedError(
                    f"it has {read / rate:.3f} s of audio; less than {_SHORTEST} s is no music",
                    "remove the file",
                )
        except DamagedError as error:
            raise AudioError(self.name, why=error.why, fix=error.fix) from error


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
    with contextlib.ExitStack() as stack:
        try:
            if not path.stat().st_size:
                raise DamagedError("it is empty (0 bytes)", "get the file again, or remove it")
            open_reader = open_ffmpeg if needs_ffmpeg(path) else open_libsndfile
            reader = stack.enter_context(open_reader(path))
            if reader.format.sample_rate not in _SAMPLE_RATES:
                raise DamagedError(
                    f"its sample rate is {reader.format.sample_rate} Hz",
                    "export the file again, for example as 44.1 kHz flac",
                )
        except DamagedError as error:
            raise AudioError(name, why=error.why, fix=error.fix) from error
        except OSError as error:
            raise AudioError(
                name,
                why=f"it cannot be read ({error.strerror})",
                fix="check the file and its rights",
            ) from error
        yield AudioFile(name, reader)
