"""``yue init``: a ready project for one's own songs."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.wording import quoted

EXAMPLE = "yue init my-song-model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, the recipe to start with, or an update."""
    parser.add_argument("folder", type=_folder, metavar="DIR", help="the folder, made if need be")
    parser.add_argument(
        "--recipe",
        default="own-songs",
        metavar="NAME",
        help="the ready recipe to make active (default: own-songs, which needs no download)",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="bring an existing project's pipeline files up to this version; recipes stay",
    )


def run(args: argparse.Namespace) -> None:
    """Make or update the project and say what comes next."""
    from yue.errors import UsageError
    from yue.project.create import create_project, project_around, update_project

    if args.update:
        changed = update_project(args.folder)
        print(f"init: {', '.join(changed) or 'nothing'} changed in {args.folder}")
        print("  next: dvc repro (only stages whose code or setting changed run again)")
        return
    around = project_around(args.folder)
    if around is not None:
        raise UsageError(
            f"{args.folder} lies in the project {around}",
            why="DVC and git would take one project for a part of the other",
            fix=f"name a folder outside it, or keep one project with several recipes: "
            f"cp {quoted(around / 'params.yaml')} {quoted(around / 'recipes' / 'mine.yaml')}",
        )
    create_project(args.folder, args.recipe)
    print(f"init: {args.folder} is a project; its recipe is {args.recipe} (params.yaml)")
    enter = "" if args.folder.absolute() == Path.cwd() else f"cd {quoted(args.folder)}; "
    print(f"  next: put your songs into {args.folder / 'songs'}, then: {enter}dvc repro")
    print("  README.md there says what every file is; `yue recipes` lists other recipes")


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; name a folder ('.' is this one)")
    return Path(text)
