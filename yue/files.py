"""Whole-or-not-at-all files, content digests, JSONL, and names that are safe on disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

from yue.errors import MissingFileError, UsageError, YueError
from yue.temporary import exchange, naming, temporary_file, temporary_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAFE_NAME_BYTES = 180  # of 255 that file systems take: a role and a suffix follow
_SAFE_PUNCTUATION = "-_. ,'()\N{RIGHT SINGLE QUOTATION MARK}\N{EN DASH}\N{EM DASH}"
_FIX = "run the stage that writes it again, or copy it again with the model that it belongs to"


@contextlib.contextmanager
def atomic_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary neighbour of ``path`` and rename it into place on success.

    The rename follows an fsync, so a reader (and a machine that lost power) sees the old file or
    the complete new one. On an exception the temporary file is removed and ``path`` is untouched.
    A new inode is always made: writing in place would corrupt files hard-linked into a cache.
    """
    handle, temporary = temporary_file(path)
    encoding = None if "b" in mode else "utf-8"
    try:
        with naming(path, temporary), os.fdopen(handle, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            temporary.chmod(0o644)  # mkstemp makes 0600, which breaks shared caches
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; swap it in for ``path`` on success.

    An existing ``path`` is replaced as a whole, without a moment when there is none (where the
    system can swap names); on an exception it is left as it was. Temporary folders that killed
    processes left are removed first.

    Raises:
        OSError: ``path`` is a file, or a mount point, which cannot be renamed.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if path.is_mount():
        raise OSError(errno.EBUSY, "it is a mount point", str(path))
    with temporary_folder(path) as temporary:
        yield temporary
        if not adopt(temporary, path) and not exchange(temporary, path):
            _replace_folder(path, temporary)


def check_replaceable(output: Path, mark: str) -> None:
    """Check that replacing a folder as a whole destroys nothing but an earlier result.

    Args:
        output: What the user named with ``--output-dir``.
        mark: A file that every result has.

    Raises:
        UsageError: It is a file, or holds other things.
    """
    if not output.exists() or (output / mark).is_file():
        return
    if not output.is_dir():
        raise UsageError(f"--output-dir {output} is a file", fix="give a new or empty folder")
    if any(output.iterdir()):
        raise UsageError(
            f"--output-dir {output} holds other files",
            why=f"the output folder is replaced as a whole, and this one has no {mark}",
            fix="give a new or empty folder",
        )


def adopt(new: Path, path: Path) -> bool:
    """Rename a folder to ``path``; False, and nothing is changed, if one with files is there."""
    try:
        new.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def _replace_folder(path: Path, new: Path) -> None:
    """Replace a folder by two renames, between which there is no ``path``."""
    with temporary_folder(path) as folder:
        old = folder / "old"
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with atomic_file(path, "w") as stream:
        stream.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON with a final newline, whole or not at all. NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one compact JSON object a line, whole or not at all. NaN is refused."""
    with atomic_file(path, "w") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


def write_array(stream: IO[bytes], array: NDArray[Any]) -> None:
    """Write an array as a .npy.

    ``np.save`` hands a file to C's streams, and an error of its last bytes is lost there: on a full
    disk it leaves a file that is cut off, and says nothing.
    """
    import numpy as np

    no_file: Any = SimpleNamespace(write=stream.write)
    np.lib.format.write_array(no_file, array, allow_pickle=False)


def map_array(path: Path) -> NDArray[Any]:
    """Return an array of a .npy, mapped into memory and not read.

    Raises:
        OSError: It is missing or cannot be read.
        ValueError: It is no .npy: a pipe, a .npz, pickled objects, a header that is none.
    """
    import numpy as np

    if path.is_fifo():  # opening one would wait for somebody to write into it
        raise ValueError("it is a pipe")
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as error:  # a damaged header raises whatever NumPy's parser runs into
        raise ValueError(str(error) or type(error).__name__) from error
    return array


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or malformed one is a :class:`YueError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: no such file", fix=_FIX) from error
    except (ValueError, RecursionError) as error:
        raise YueError(f"{path}: not valid JSON ({error})", fix=_FIX) from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read a JSONL file that this project wrote; any bad line is a :class:`YueError`."""
    rows = []
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise YueError(
                        f"{path}:{number}: not valid JSON ({error})", fix=_FIX
                    ) from error
    except FileNotFoundError as error:
        raise MissingFileError(f"{path}: no such file", fix=_FIX) from error
    except UnicodeDecodeError as error:
        raise YueError(f"{path}: not UTF-8 ({error})", fix=_FIX) from error
    return rows


def file_digest(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def bytes_digest(*parts: bytes | str) -> str:
    """Return the hexadecimal SHA-256 of parts, each with its length in front.

    So ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def value_digest(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a JSON-able value, independent of key order."""
    return bytes_digest(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False))


def safe_name(song_id: str) -> str:
    """Return a song id as one file-name component: unique, readable, portable, and never a path.

    Letters, digits and marks of any script stay as they are, and so does punctuation that no file
    system or shell minds much; the bytes of every other character, and of what Unicode's
    composition (NFC) would change, are percent-encoded. So ``a/b`` and ``a_b`` never collide, nor
    do names on file systems that compose or decompose them. Names longer than a file system takes
    end in ``~`` and a digest of the id.
    """
    name = ""
    for character in song_id[: _SAFE_NAME_BYTES + 1]:
        kept = _is_kept(character) and (name or character != ".")
        if kept and (character.isascii() or unicodedata.is_normalized("NFC", name + character)):
            name += character
        else:
            name += "".join(f"%{byte:02X}" for byte in character.encode())
    data = name.encode()
    if len(data) > _SAFE_NAME_BYTES:
        start = data[: _SAFE_NAME_BYTES - 33].decode(errors="ignore")
        name = f"{start}~{bytes_digest(song_id)[:32]}"
    return name


def _is_kept(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN" or character in _SAFE_PUNCTUATION
