"""Marks that git leaves in a file where two versions of it could not be merged."""

from __future__ import annotations

import re

from yue.recipe.faults import Fault, Place

_MARK = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


def conflict_lines(text: str) -> list[int]:
    """The lines, from 1, that are git's conflict marks."""
    return [text.count("\n", 0, mark.start()) + 1 for mark in _MARK.finditer(text)]


def conflict_fault(text: str, file: str) -> Fault | None:
    """What is wrong with a file that git could not merge; None where it has no marks."""
    lines = conflict_lines(text)
    if not lines:
        return None
    shown = f"line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"
    rule = f"git's conflict marks, at {shown}: two versions that git could not merge are both here"
    fix = "keep one of each part and remove the marks, or take one side whole: "
    fix += f"git checkout --ours {file} (or --theirs)"
    return Fault(Place(lines[0], 1, 7), "", "", rule, fix)
