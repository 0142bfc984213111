"""Which files of the package a module can run or read, found in its text without importing it.

The dependencies of stages in ``dvc.yaml`` and the code that a training run is known by come from
here. Followed are imports anywhere in a file (functions included), modules named in text (as
``importlib.import_module`` and ``python -m`` take them), and files beside a module that its text
names (``"report.css"``, ``"*.c"``). Not followed is what :mod:`yue.harmless` lists, as long as no
other name of it is used: a module that begins to use another function of a listed one depends on
it from then on, by itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yue
from yue.harmless import HARMLESS, Harmless

_PACKAGE = "yue"
_WHOLE = "*"  # a module is used as a whole: no name of it is known
_QUOTED = re.compile(r'"([^"\n]+)"')
_BESIDE = re.compile(r"[\w*-][\w.*/-]*\.\w+")  # a file or a pattern of files, as text


@dataclass(frozen=True)
class Use:
    """One name that a file uses of a module.

    Attributes:
        module: File of the module, relative to the package's parent.
        name: The name; ``*`` for all of it.
    """

    module: str
    name: str


class Imports:
    """The files of a copy of the package.

    Args:
        package: Folder of the package; None is the running one.
        harmless: Modules that are not followed, by their file (``yue/errors.py``).
    """

    def __init__(
        self, package: Path | None = None, harmless: Mapping[str, Harmless] = HARMLESS
    ) -> None:
        self.package = package or Path(yue.__file__).resolve().parent
        self._harmless = harmless

    def closure(self, modules: Iterable[str]) -> list[str]:
        """Return the files that decide what modules do, sorted, as ``yue/room/file.py``.

        Args:
            modules: Dotted names, such as ``yue.training.worker``.

        Raises:
            ValueError: There is no such module.
        """
        found: set[str] = set()
        todo = []
        for module in modules:
            if (file := self.file_of(module)) is None:
                raise ValueError(f"no module {module}")
            todo.append(file)
        while todo:
            file = todo.pop()
            if file in found:
                continue
            found.add(file)
            todo += [use.module for use in self.uses(file) if self._decides(file, use)]
        return sorted(found)

    def file_of(self, module: str) -> str | None:
        """Return the file of a dotted name, or None if there is no such module."""
        names = self._modules
        return names.get(module) or names.get(f"{module}.__init__")

    def uses(self, file: str) -> set[Use]:
        """Return each name of modules here that a file uses, and the files that it reads."""
        path = self.package.parent / file
        if path.suffix != ".py":  # what it includes
            names = _QUOTED.findall(path.read_text(encoding="utf-8"))
            return {
                Use(beside, _WHOLE) for name in names for beside in self._files_beside(path, name)
            }
        tree = ast.parse(path.read_bytes())
        found: set[Use] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found |= self._module_uses(alias.name, _WHOLE)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found |= self._imported_uses(self._base_package(file, node), alias.name)
            elif isinstance(node, ast.JoinedStr):
                found |= self._formatted_uses(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= self._module_uses(node.value, _WHOLE)
                found |= {Use(beside, _WHOLE) for beside in self._files_beside(path, node.value)}
        return found

    @cached_property
    def _modules(self) -> dict[str, str]:
        """Return files by dotted name; of a package, by ``NAME.__init__``."""
        root = self.package.parent
        files = (path.relative_to(root) for path in self.package.rglob("*.py"))
        return {".".join(file.with_suffix("").parts): file.as_posix() for file in files}

    def _decides(self, user: str, use: Use) -> bool:
        harmless = self._harmless.get(use.module)
        if harmless is not None:
            return not harmless.allows(user, use.name)
        return not (use.module.endswith("__init__.py") and self._is_empty(use.module))

    def _is_empty(self, file: str) -> bool:
        """Say whether a file is a docstring alone: a package that only says what it is for."""
        tree = ast.parse((self.package.parent / file).read_bytes())
        return all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in tree.body)

    def _base_package(self, file: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = Path(file).with_suffix("").parts[: -node.level]
        return ".".join([*parts, *filter(None, [node.module])])

    def _imported_uses(self, base: str, name: str) -> set[Use]:
        if self.file_of(f"{base}.{name}"):
            return self._module_uses(f"{base}.{name}", _WHOLE)
        return self._module_uses(base, name)

    def _module_uses(self, module: str, name: str) -> set[Use]:
        """Return the use of a module, which runs the packages around it too."""
        if module.partition(".")[0] != _PACKAGE or (file := self.file_of(module)) is None:
            return set()
        parts = module.split(".")
        around = (self.file_of(".".join(parts[:n])) for n in range(1, len(parts)))
        return {Use(file, name), *(Use(other, _WHOLE) for other in around if other)}

    def _formatted_uses(self, node: ast.JoinedStr) -> set[Use]:
        """Return what f-strings such as ``f"yue.codecs.{name}"`` can name: all of the package."""
        start = node.values[0]
        text = start.value if isinstance(start, ast.Constant) else ""
        if not isinstance(text, str) or not text.startswith(f"{_PACKAGE}."):
            return set()
        package = text.rpartition(".")[0]
        if not self.file_of(package):
            return set()
        names = [name for name in self._modules if name.startswith(text)]
        return {use for name in names for use in self._module_uses(name, _WHOLE)}

    def _files_beside(self, path: Path, text: str) -> Iterator[str]:
        """Yield files of its room that text in a file names; not modules, nor what a build made."""
        if len(text) > 100 or not _BESIDE.fullmatch(text):
            return
        folders = [path.parent, *([path.parent.parent] if path.parent != self.package else [])]
        for found in (found for folder in folders for found in folder.glob(text)):
            made = found.name.startswith("_") or "__pycache__" in found.parts
            if found.is_file() and found.suffix != ".py" and not made:
                yield found.relative_to(self.package.parent).as_posix()
