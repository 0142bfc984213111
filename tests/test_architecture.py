"""The rooms of docs/architecture.md, compared with the imports of the code."""

from __future__ import annotations

import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from yue.imports import Imports
from yue.training.plan import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent
TOP = {"yue/cli.py", "yue/__main__.py"}
# Programs that are started as processes: their names in a module are no imports.
STARTED = {f"{program.replace('.', '/')}.py" for program in PROGRAMS}
NAMES_PROGRAMS = {"yue/training/plan.py", "yue/training/launch.py"}
# One module each for what a verb says and what its stage does.
PARALLEL = {"commands", "stages"}


def room_of(file: str) -> str:
    """The room of a module; ``ground`` for those beside the rooms."""
    parts = file.split("/")
    return parts[1] if len(parts) > 2 else "ground"


def module_uses() -> dict[str, set[str]]:
    """The modules that each module names, lazily or not, without packages' ``__init__.py``."""
    imports = Imports()
    files = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "yue").rglob("*.py"))
    found = {}
    for file in files:
        used = {use.module for use in imports.uses(file)}
        started = STARTED if file in NAMES_PROGRAMS else set()
        found[file] = {
            other
            for other in used - {file} - started
            if other.endswith(".py") and not other.endswith("__init__.py")
        }
    return found


def documented_rooms() -> dict[str, set[str]]:
    """What each room may import, by the table of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\|([^|]*)\|$", text, re.M)
    return {room: set(re.findall(r"\w+", others)) for room, others in rows}


def test_rooms_import_what_the_table_says_and_nothing_else() -> None:
    imported: dict[str, set[str]] = {}
    for file, used in module_uses().items():
        room = room_of(file)
        if file in TOP or room in PARALLEL:
            continue
        others = {room_of(other) for other in used} - {room}
        imported.setdefault(room, set()).update(others)
    assert imported.pop("ground") == set(), "the ground imports no room"
    assert {room: others - {"ground"} for room, others in imported.items()} == documented_rooms()


def test_arrows_between_rooms_point_one_way() -> None:
    order = list(TopologicalSorter(documented_rooms()).static_order())
    assert set(order) == set(documented_rooms())


def test_stages_import_no_command() -> None:
    for file, used in module_uses().items():
        if room_of(file) == "stages":
            assert not {other for other in used if room_of(other) == "commands"}, file


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph = {file: used for file, used in module_uses().items() if file not in TOP}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a circle: {' -> '.join(error.args[1])}") from error


def test_no_two_rooms_have_a_module_of_one_name() -> None:
    names = Counter(
        path.name
        for path in (ROOT / "yue").rglob("*.py")
        if path.name != "__init__.py" and path.parent.name not in PARALLEL
    )
    assert [name for name, count in names.items() if count > 1] == []
