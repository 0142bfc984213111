"""A build counts only if it was made of exactly the sources beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yue.native.library import HERE, build_folder, library

ROOT = HERE.parent.parent
SHOW = (
    "from yue.native.library import library\n"
    "from yue.native.bin_writer import crc32c\n"
    "library()\n"
    "print('crc', crc32c(b'123456789'))"
)


def copied_tree(folder: Path) -> Path:
    """The package as a queued experiment has it: sources, and no build among them."""
    ignore = shutil.ignore_patterns("_yue_native*", "__pycache__")
    shutil.copytree(ROOT / "yue" / "native", folder / "yue" / "native", ignore=ignore)
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "yue" / name, folder / "yue" / name)
    build = folder / "yue" / "native" / "build.py"
    build.write_text(build.read_text().replace('"-O3"', '"-O0"'))  # a third of the time
    return folder


def run(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=tree,
        env={**kept, "PYTHONPATH": str(tree), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def builds(root: Path) -> list[str]:
    return sorted(p.name for p in (root / ".yue" / "native").iterdir() if p.is_dir())


def test_the_build_beside_the_sources_is_of_these_sources() -> None:
    from yue.native.build import source_hash

    found = library()
    assert bytes(found.ffi.string(found.lib.yue_source_hash())).decode() == source_hash()
    assert library() is found


@pytest.mark.long
def test_a_tree_without_a_build_makes_one_in_dvcs_root_once(tmp_path: Path) -> None:
    tree, root = copied_tree(tmp_path / "tree"), tmp_path / "root"
    root.mkdir()
    done = run(tree, DVC_ROOT=str(root))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "crc 3808858755\n"
    (build,) = builds(root)
    files = {p: p.stat().st_mtime_ns for p in (root / ".yue" / "native" / build).rglob("*")}
    assert run(tree, DVC_ROOT=str(root)).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in files} == files, "built again"
    assert not list((tree / "yue" / "native").glob("_yue_native*"))

    source = tree / "yue" / "native" / "crc32c.c"
    source.write_text(source.read_text().replace("return ~by_", "return 42 + 0 * by_"))
    changed = run(tree, DVC_ROOT=str(root))
    assert changed.stdout == "crc 42\n", changed.stderr
    assert len(builds(root)) == 2


def test_without_a_compiler_the_message_says_what_to_install(tmp_path: Path) -> None:
    tree, root = copied_tree(tmp_path / "tree"), tmp_path / "root"
    root.mkdir()
    done = run(tree, DVC_ROOT=str(root), CC="/nonexistent/cc")
    assert done.returncode == 1
    assert "NativeError: the native library cannot be built" in done.stderr
    assert "apt install build-essential" in done.stderr
    assert builds(root) == [], "a failed build left something behind"


def test_the_side_store_is_dvcs_root_then_the_project_then_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").touch()
    assert build_folder("0" * 64).parent == tmp_path / ".yue" / "native"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "root"))
    (tmp_path / "root").mkdir()
    assert build_folder("0" * 64).parent == tmp_path / "root" / ".yue" / "native"
    assert build_folder("0" * 64) != build_folder("1" * 64)
