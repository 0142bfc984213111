"""Digests of source files, remembered: a file that has not changed is not read again to know it.

A file is unchanged when its size and the times of its content and its inode are. A file changed in
the last seconds is not remembered: a second change could leave the same times.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from yue.files import file_digest, write_json

# Nanoseconds. FAT, the coarsest file system in use, counts times of content in 2 seconds.
_FRESH = 2_000_000_000
_NAME = "digests.json"


class Digests:
    """The digests of files, kept in a folder.

    Args:
        folder: Where they are kept; it is made when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _NAME
        self._known = _read(self._file)
        self._used: dict[str, list[int | str]] = {}

    def of(self, path: Path) -> str:
        """Return the hexadecimal SHA-256 of a file; any number of threads may ask at once.

        Raises:
            OSError: It cannot be read.
        """
        name, state = str(path.absolute()), path.stat()
        now = [state.st_size, state.st_mtime_ns, state.st_ctime_ns]
        known = self._known.get(name)
        if known is not None and known[:3] == now:
            self._used[name] = known
            return str(known[3])
        digest = file_digest(path)
        if time.time_ns() - max(state.st_mtime_ns, state.st_ctime_ns) > _FRESH:
            self._used[name] = [*now, digest]
        return digest

    def save(self, below: Path) -> None:
        """Keep what was asked for; what is known of other files in ``below`` is forgotten."""
        root = str(below.absolute()) + "/"
        kept = {name: entry for name, entry in self._known.items() if not name.startswith(root)}
        entries = dict(sorted((kept | self._used).items()))
        if entries != self._known:
            write_json(self._file, entries)


def _read(file: Path) -> dict[str, list[int | str]]:
    """Return what was kept; nothing if the file is missing or damaged."""
    try:
        entries = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], str)
    }
