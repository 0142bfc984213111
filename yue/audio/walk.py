"""The files below a folder: the one way in which a folder of music is walked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath


def visible_files(
    folder: Path, unreadable: Callable[[OSError], None] | None = None
) -> Iterator[PurePosixPath]:
    """Yield the files below a folder, relative to it, in one order on every machine.

    Hidden files and folders (``._song.wav`` of a Mac) are passed over. Links are followed, and no
    folder is entered twice, so loops end.

    Args:
        folder: The folder.
        unreadable: Told of folders that cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    for parent, children, files in os.walk(folder, followlinks=True, onerror=unreadable):
        state = Path(parent).stat()
        if (state.st_dev, state.st_ino) in seen:
            children.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        children[:] = sorted(child for child in children if not child.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield PurePosixPath(Path(parent, name).relative_to(folder).as_posix())
