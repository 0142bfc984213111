"""A project's pipeline files: the checkout's, with digests of code in place of the code.

The checkout has one copy of them, at its top; setup.py puts it into the wheel as ``template/``.
There a stage depends on the folders of ``yue/`` that it runs. A project has no such folders: each
stage has a parameter in ``code.yaml`` that is the digest of the same files as installed, so a new
version of ``yue`` reruns the stages whose code it changed, and no others.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from yue.errors import UsageError
from yue.files import bytes_digest

PACKAGE = Path(__file__).resolve().parent.parent
PIPELINES = ("dvc.yaml", "demo/dvc.yaml")
SCHEMA = "schemas/recipe.schema.json"
NOTES = (
    "models/separator/README.md",
    "models/stage2/README.md",
    "corpora/README.md",
    "prompts/README.md",
)
FILE = "code.yaml"
_SOURCES = {".py", ".c", ".h", ".json", ".html", ".css", ".js"}
_FIRST = ("validate", "inputs")  # what they check, all others rely on


def template_root() -> Path:
    """Return the folder that holds dvc.yaml, demo/, models/, recipes/ and schemas/."""
    carried = PACKAGE / "template"
    return carried if carried.is_dir() else PACKAGE.parent


def recipe_files() -> list[Path]:
    """Return the ready recipes, sorted by name."""
    return sorted((template_root() / "recipes").glob("*.yaml"))


@dataclass(frozen=True)
class Pipelines:
    """Pipeline files of a project.

    Attributes:
        texts: File, relative to the project, to its text.
        code: Stage to the digest of its code; the stages of dvc.yaml by their names, others with
            their folder in front (``demo_base``).
        given: Files and folders that a skipped stage would have made and a kept one reads.
    """

    texts: Mapping[str, str]
    code: Mapping[str, str]
    given: tuple[str, ...]


def stage_names() -> list[str]:
    """Return the stages of the pipeline, in order."""
    return list(_load(template_root() / PIPELINES[0])["stages"])


def project_pipelines(skipped: Collection[str] = ()) -> Pipelines:
    """Return the pipeline files of a project.

    Args:
        skipped: Stages of dvc.yaml to leave out. What they would have made must be there.

    Raises:
        UsageError: There is no such stage, or one that only checks is among them.
    """
    known = stage_names()
    for name in skipped:
        if name not in known or name in _FIRST:
            left = (other for other in known if other not in (*_FIRST, *skipped))
            raise UsageError(f"cannot skip {name}", fix=f"stages to skip: {', '.join(left)}")
    texts, code, given = {}, {}, []
    for file in PIPELINES:
        pipeline = _load(template_root() / file)
        stages, prefix = pipeline["stages"], file.rpartition("/")[0]
        if not prefix:
            given = _leave_out(pipeline, skipped)
        for name, entry in stages.items():
            stage = entry.get("do", entry)  # of a foreach
            parts = _take_code(stage.get("deps"))
            if parts:
                key = f"{prefix}_{name}" if prefix else name
                code[key] = code_digest(parts)
                stage.setdefault("params", []).append({FILE: [key]})
                if not stage["deps"]:
                    del stage["deps"]
        stream = io.StringIO()
        _yaml().dump(pipeline, stream)
        texts[file] = stream.getvalue()
    return Pipelines(texts, code, tuple(given))


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
    """Return the text of code.yaml."""
    head = "# Digest of the code of each stage as installed; `yue init --update` writes it anew.\n"
    return head + "".join(f"{name}: '{digests[name]}'\n" for name in sorted(digests))


def _is_source(file: Path) -> bool:
    generated = file.name.startswith("_yue_native")
    return file.suffix in _SOURCES and not generated and "__pycache__" not in file.parts


def _leave_out(pipeline: Any, skipped: Collection[str]) -> list[str]:
    """Remove stages; return what the others read of theirs."""
    stages = pipeline["stages"]
    lost = [out for name in skipped for out in _outs(stages.pop(name))]
    read = [dep for stage in stages.values() for dep in stage.get("deps", [])]
    if "train" not in stages:
        for shown in ("plots", "artifacts"):
            pipeline.pop(shown, None)
    if "convert" in skipped:  # it was convert that waited for the checks
        waiting = next((name for name in stages if name not in _FIRST), None)
        if waiting:
            stages[waiting]["deps"].insert(0, "work/inputs.ok")
    return [out for out in lost if out in read]


def _outs(stage: Mapping[str, Any]) -> list[str]:
    kinds = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, Mapping) else str(entry) for entry in kinds]


def _take_code(deps: Any) -> list[str]:
    """Take the dependencies on the package out of a list, and return them."""
    parts = [str(dep) for dep in deps or () if str(dep).startswith("yue/")]
    for part in parts:
        deps.remove(part)
    return parts


def _load(file: Path) -> Any:
    return _yaml().load(file.read_text(encoding="utf-8"))


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
