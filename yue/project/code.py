"""``code.yaml``: a digest of the code of each stage, in place of the checkout's dependencies on it.

In a checkout a stage depends on the folders of ``yue/`` that it runs. A project has no such
folders: there each stage has a parameter that is the digest of the same files as installed, so a
new version of ``yue`` reruns the stages whose code it changed, and no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from yue.files import bytes_digest
from yue.project.template import PACKAGE

FILE = "code.yaml"
_SOURCES = {".py", ".c", ".h", ".json", ".html", ".css", ".js"}


def code_digest(parts: Sequence[str]) -> str:
    """Digest of files and folders of the package, named as in dvc.yaml (``yue/audio``)."""
    lines = []
    for part in sorted(parts):
        path = PACKAGE.parent / part
        files = [path] if path.is_file() else [f for f in sorted(path.rglob("*")) if _is_source(f)]
        for file in files:
            name = file.relative_to(PACKAGE.parent).as_posix()
            lines.append(f"{name} {bytes_digest(file.read_bytes())}")
    return bytes_digest("\n".join(lines))[:16]


def code_text(digests: Mapping[str, str]) -> str:
    """The text of code.yaml."""
    head = "# Digest of the code of each stage as installed; `yue init --update` writes it anew.\n"
    return head + "".join(f"{name}: '{digests[name]}'\n" for name in sorted(digests))


def _is_source(file: Path) -> bool:
    generated = file.name.startswith("_yue_native")
    return file.suffix in _SOURCES and not generated and "__pycache__" not in file.parts
