"""Download a repository of the Hugging Face hub into a folder, going on where it stopped.

The hub's own library (2.4) begins a file again from its first byte when a download is interrupted:
of a shard of 5 GB nothing is kept. Here an unfinished file stays in ``.cache/yue`` of the folder,
named by its digest, and its rest is asked for next time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from yue.errors import YueError, first_line
from yue.files import bytes_digest, file_digest, sync
from yue.temporary import naming
from yue.wording import quoted

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_TIMEOUT = 20.0  # seconds that the hub may take to answer at all
_PARTS = Path(".cache") / "yue"  # DVC ignores .cache, see .dvcignore


def fetch_repository(
    repo: str, folder: Path, *, revision: str | None = None, include: Sequence[str] | None = None
) -> None:
    """Download a repository; files that are there are kept, an unfinished one is gone on with.

    Args:
        repo: Hub id, ``organisation/name``.
        folder: Made if need be.
        revision: Branch, tag or commit; None is the main branch.
        include: Patterns of files; None takes all.

    Raises:
        YueError: There is no such repository, the hub cannot be reached, or what came is damaged.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._paths import filter_repo_objects

    try:
        info = HfApi().model_info(repo, revision=revision, files_metadata=True, timeout=_TIMEOUT)
        patterns = None if include is None else list(include)
        files = [file.rfilename for file in info.siblings or ()]
        chosen = set(filter_repo_objects(files, allow_patterns=patterns))
        for file in info.siblings or ():
            if file.rfilename in chosen:
                _fetch_file(repo, str(info.sha), file, folder)
    except HFValidationError as error:
        raise YueError(
            f"'{repo}' is not a hub id",
            why=first_line(error),
            fix="write organisation/name, for example m-a-p/YuE-s1-7B-anneal-en-cot",
        ) from error
    except YueError:
        raise
    except Exception as error:  # a lost connection raises errors of the hub's HTTP library
        if getattr(error, "filename", None) is not None:  # of this machine: no rights, a full disk
            raise
        raise YueError(
            f"cannot fetch {repo}: {first_line(error)}",
            why="the hub did not answer, the name is wrong, or access needs a login",
            fix="check the name and the network (or HF_TOKEN) and run the command again, which "
            "goes on where it stopped; or copy the files by hand into "
            f"{quoted(folder)}: they are used as they are",
        ) from error


def _fetch_file(repo: str, commit: str, file: RepoSibling, folder: Path) -> None:
    """Download one file, unless there is one of its name."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    sha256 = file.lfs.sha256 if file.lfs else None  # the hub digests large files alone
    path = PurePosixPath(file.rfilename)
    if path.is_absolute() or ".." in path.parts:
        raise YueError(f"{repo} names a file outside of its folder: {file.rfilename}")
    target = folder / path
    for place in (folder, *(folder / part for part in reversed(path.parents)), target):
        if place.is_symlink() and not place.exists():
            raise YueError(
                f"{place} is a link to {place.readlink()}, which is not there",
                why="a download would have to take the link's place",
                fix="have there what it leads to (is a disk not mounted?), or remove the link",
            )
    if target.exists():
        if file.size is not None and target.stat().st_size != file.size:
            note = f"note: {target} is kept; the hub's has another size ({file.size:,} bytes)"
            print(note, file=sys.stderr)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = folder / _PARTS / f"{sha256 or bytes_digest(repo, commit, file.rfilename)}.part"
    with _lock_part(part) as stream, naming(target, part):
        if file.size is not None and stream.tell() > file.size:  # of a hub that sent too much
            stream.truncate(0)
            stream.seek(0)
        http_get(
            hf_hub_url(repo, file.rfilename, revision=commit),
            stream,
            resume_size=stream.tell(),
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.rfilename,
        )
        stream.flush()
        os.fsync(stream.fileno())
        if sha256 is not None and file_digest(part) != sha256:
            part.unlink()
            raise YueError(
                f"{target}: the download is damaged",
                why="its SHA-256 is not the one that the hub names",
                fix="run the same command again: this file begins anew, the others stay",
            )
        part.rename(target)
    sync(target.parent)


@contextlib.contextmanager
def _lock_part(part: Path) -> Iterator[BinaryIO]:
    """Open an unfinished file at its end, for this process alone.

    Raises:
        YueError: Another process is downloading it, or has a moment ago.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have finished since: what was opened is now the file itself.
            if not os.path.samestat(os.fstat(stream.fileno()), part.stat()):
                raise FileNotFoundError
        except OSError as error:
            raise YueError(
                f"another process is downloading into {part.parent.parent.parent}",
                fix="wait until it ends, then run the same command again",
            ) from error
        yield stream
