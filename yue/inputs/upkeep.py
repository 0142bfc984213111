"""What a valid recipe file could say better: keys it lacks, words of earlier versions."""

from __future__ import annotations

from pathlib import Path

from yue.inputs.notes import Note
from yue.recipe.resolve import ACTIVE, Resolved, left_out
from yue.recipe.schema import keys_by_path
from yue.recipe.shown import shown_value

_SHOWN = 6
_COMPLETE = f"`yue use {ACTIVE}`"


def upkeep_notes(found: Resolved) -> list[Note]:
    """Notes on a file's old names, and on keys that params.yaml lacks."""
    active = Path(found.document.file).name == ACTIVE
    fix = f"no action needed; {_COMPLETE} writes it so" if active else "no action needed"
    notes = [Note(f"{each.file}:{each.line}: {each.what}", fix) for each in found.changes]
    missing = left_out(found.document) if active else []
    if missing:
        shown = [f"{name} ({_default(name)})" for name in missing[:_SHOWN]]
        more = [f"and {len(missing) - _SHOWN} more"] if len(missing) > _SHOWN else []
        what = f"{found.document.file} leaves out what takes its default: {', '.join(shown + more)}"
        fix = f"{_COMPLETE} writes it there, where DVC looks for paths and sections"
        notes.append(Note(what, fix))
    return notes


def _default(name: str) -> str:
    return shown_value(keys_by_path()[tuple(name.split("."))].default)
