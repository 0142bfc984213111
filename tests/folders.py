"""Folders compared as a whole."""

from __future__ import annotations

from pathlib import Path

from yue.files import bytes_digest, file_digest


def folder_digest(path: Path) -> str:
    """Hexadecimal SHA-256 over the relative names and contents of a folder's files."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return bytes_digest(
        *(part for p in files for part in (p.relative_to(path).as_posix(), file_digest(p)))
    )
