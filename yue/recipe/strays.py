"""Keys that stand in the wrong section because the line of their own was lost."""

from __future__ import annotations

from collections.abc import Mapping

from yue.recipe.document import Document
from yue.recipe.faults import Fault
from yue.recipe.schema import keys_of, sections

_FEWEST = 2  # one key alone is more likely misplaced, and the nearest name says so


def stray_keys(document: Document) -> tuple[dict[tuple[str, str], str], list[Fault]]:
    """Keys that belong to a section which the file does not have.

    Returns:
        The section of each such key, by where it stands; and one fault for each lost line.
    """
    strays: dict[tuple[str, str], str] = {}
    faults = []
    for section, inner in document.values.items():
        if not isinstance(inner, Mapping) or section not in sections():
            continue
        known = {key.name for key in keys_of(section)}
        unknown = [name for name in inner if name not in known]
        for lost in sections():
            names = {key.name for key in keys_of(lost)}
            found = [name for name in unknown if name in names]
            if lost in document.values or len(found) < min(_FEWEST, len(names)):
                continue
            strays |= {(section, name): lost for name in found}
            unknown = [name for name in unknown if name not in names]
            rule = f"{', '.join(found)} belong to {lost}: its line is missing"
            place = document.keys[section, found[0]]
            fix = f"write the line `{lost}:` above this one"
            faults.append(Fault(place, f"{section}.{found[0]}", "", rule, fix))
    return strays, faults
