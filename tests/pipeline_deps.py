"""Write the code that each stage runs into ``dvc.yaml`` and ``demo/dvc.yaml``: ``make deps``.

A stage's dependencies on code are the files of :meth:`yue.imports.Imports.closure`. A room that
the stage lists whole (``- yue/tokens``) stays whole. ``tests/test_pipeline.py`` compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from yue.cli import STAGES
from yue.imports import Imports
from yue.training.plan import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent
# Where the verbs of `yue demo` begin.
DEMO_PROGRAMS = {
    "songs": ["yue.demo.corpus"],
    "tokenizer": ["yue.demo.tokenizer"],
    "codec": ["yue.demo.codec"],
    "base": ["yue.demo.base_model"],
}
PROGRAMS_OF = {
    stage: [f"yue.stages.{stage}", *(PROGRAMS if stage == "train" else ())] for stage in STAGES
}
PIPELINES: dict[str, Mapping[str, list[str]]] = {
    "dvc.yaml": PROGRAMS_OF,
    "demo/dvc.yaml": DEMO_PROGRAMS,
}


def code_of(modules: list[str], rooms: list[str]) -> list[str]:
    """Files that decide what modules do; rooms that are to stand whole, in place of their files."""
    files = Imports().closure(modules)
    used = {room for room in rooms if any(file.startswith(f"{room}/") for file in files)}
    alone = {file for file in files if not any(file.startswith(f"{room}/") for room in used)}
    return sorted(used | alone, key=lambda file: (file.count("/") == 1 and "." in file, file))


def with_code(text: str, programs: Mapping[str, list[str]]) -> str:
    """A pipeline file's text in which each stage lists the code that it runs."""
    for stage, modules in programs.items():
        found = re.search(rf"^  {stage}:\n(?:^(?:    .*)?\n)*", text, re.M)
        assert found, stage
        old = found.group(0)
        lines = [line for line in old.splitlines() if not re.match(r" +- yue(/|\.)", line)]
        rooms = re.findall(r"^ +- (yue/[\w/]+)$", old, re.M)
        indent = re.search(r"^( +)deps:\n", old, re.M)
        assert indent, f"{stage} has no deps"
        first = lines.index(f"{indent[1]}deps:") + 1
        while re.match(rf"{indent[1]}  ?(- |  )", lines[first]):
            first += 1
        lines[first:first] = [f"{indent[1]}  - {file}" for file in code_of(modules, rooms)]
        new = "\n".join(lines) + "\n"
        text = text.replace(old, new)
    return text


def main() -> None:
    """Renew both pipeline files."""
    for name, programs in PIPELINES.items():
        path = ROOT / name
        path.write_text(with_code(path.read_text(encoding="utf-8"), programs), encoding="utf-8")


if __name__ == "__main__":
    main()
