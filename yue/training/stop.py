"""Requests to stop: a signal to this process, or the end of standard input."""

from __future__ import annotations

import os
import signal
import stat
import threading
from pathlib import Path

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopRequest:
    """Notes that somebody wants this process to save and leave.

    Args:
        file: Its being there is such a wish too: it reaches every host that shares the folder.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._asked, self._file = threading.Event(), file

    def listen(self) -> None:
        """Listen to SIGTERM, SIGINT, SIGUSR1 and the end of standard input.

        The stage holds the other end of standard input: it ends when the stage wants to stop, and
        also when the stage was killed, so that no worker trains on alone.
        """
        for number in _SIGNALS:
            signal.signal(number, lambda *_: self._asked.set())
        if stat.S_ISFIFO(os.fstat(0).st_mode):  # another launcher's may be closed from the start
            threading.Thread(target=self._watch, daemon=True).start()

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked.is_set() or (self._file is not None and self._file.exists())

    def _watch(self) -> None:
        while os.read(0, 1):
            pass
        self._asked.set()
