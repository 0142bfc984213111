"""Write what follows from the recipe's schema: ``make keys``, after a key was added or changed.

The schema is the one place where a key stands. From it come the dataclasses of
``yue/recipe/model.py``, the reference page of the docs, and the keys that ``params.yaml`` lacks.
Tests compare the first two (``tests/recipe/test_schema.py``, ``tests/docs/test_docs.py``).
"""

from __future__ import annotations

from pathlib import Path

from yue.commands.recipes import complete_params
from yue.commands.schema import reference
from yue.recipe.schema import Key, keys_of, sections

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "yue" / "recipe" / "model.py"
REFERENCE = ROOT / "docs" / "reference" / "recipe.md"
LINE_LENGTH = 100  # as in pyproject.toml

TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
HEADER = '''"""A recipe as typed values: one frozen dataclass for each section of params.yaml.

Written by ``make keys`` from ``recipe.schema.json``: add a key there, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
'''


def model_source() -> str:
    """Return the source of ``yue/recipe/model.py``."""
    classes = [_class_source(name, meaning) for name, meaning in sections().items()]
    fields = [f"    {key.name}: {_type_source(key)}" for key in keys_of("")]
    fields += [f"    {name}: {name.capitalize()}" for name in sections()]
    head = ["@dataclass(frozen=True)", "class Recipe:", '    """A complete, valid recipe."""', ""]
    recipe = "\n".join([*head, *fields])
    return "\n\n".join([HEADER, *(f"{text}\n" for text in (*classes, recipe))])


def _class_source(section: str, meaning: str) -> str:
    lines = ["@dataclass(frozen=True)", f"class {section.capitalize()}:"]
    lines += [f'    """{meaning}"""', ""]
    for key in keys_of(section):
        field = f"    {key.name}: {_type_source(key)}"
        beside = f"{field}  # {key.comment}"
        lines += [beside] if len(beside) <= LINE_LENGTH else [f"    # {key.comment}", field]
    return "\n".join(lines)


def _type_source(key: Key) -> str:
    """Return the Python type of a key's value; lists are tuples."""
    names = []
    for kind in key.types:
        if kind != "array":
            names.append(TYPES[kind])
            continue
        item = TYPES[key.rule["items"]["type"]]
        shortest, longest = key.rule.get("minItems"), key.rule.get("maxItems")
        length = shortest if shortest == longest else None
        names.append(f"tuple[{', '.join([item] * length) if length else f'{item}, ...'}]")
    return " | ".join(names)


def main() -> None:
    """Renew the dataclasses, the reference page and ``params.yaml``."""
    MODEL.write_text(model_source(), encoding="utf-8")
    REFERENCE.write_text(reference(), encoding="utf-8")
    complete_params(ROOT / "params.yaml")


if __name__ == "__main__":
    main()
