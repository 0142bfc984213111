"""Rules of a recipe's paths: inside the project or absolute, and the same for every reader.

DVC substitutes these paths into dvc.yaml, so what a shell would expand stays as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from yue.recipe.problems import Problem

PATH_KEYS = (
    ("data", "songs_dir"),
    ("separate", "weights"),
    ("codec", "path"),
    ("tokens", "tokenizer"),
    ("mix", "folder"),
    ("model", "path"),
)
_MAX_NAME = 255  # bytes, what file systems take
# Folders that stages write; reading them as input would make a stage depend on itself.
_MADE = ("work", "metrics", ".dvc", ".git", ".yue")


def path_problems(values: Mapping[tuple[str, ...], Any]) -> list[Problem]:
    """Problems of the path keys that are there."""
    found = []
    for key in PATH_KEYS:
        if key in values and (problem := _problem(values[key])):
            rule, fix = problem
            found.append(Problem(key, rule, fix))
    return found


def _problem(text: str) -> tuple[str, str] | None:
    path = PurePosixPath(text)
    if text != text.strip():
        return "has spaces at its ends", "remove them"
    if "://" in text:
        return "is a URL; a path is needed", "fetch it first: see `yue fetch --help`"
    if text.startswith("~"):
        return "~ is not expanded", "write the folder out"
    if text.startswith("$"):  # elsewhere it is a character of a name, which DVC takes as it is
        return "variables are not expanded", f"write the folder out, or ./{text} if it is named so"
    if "\\" in text:
        return "has a backslash", "write folders with /"
    if ".." in path.parts:
        return (
            "leads out of its folder by '..'",
            "write an absolute path, or link the folder into the project: experiments run in "
            "folders of their own",
        )
    if any(len(part.encode()) > _MAX_NAME for part in path.parts):
        return "has a name that is too long for a file", f"take at most {_MAX_NAME} bytes"
    if not path.parts:
        return "is the project folder itself", "name a folder in it"
    if path.parts[0] in _MADE:
        return f"lies in {path.parts[0]}/, which the pipeline writes", "name a folder of your own"
    return None
