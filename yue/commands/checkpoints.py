"""``yue checkpoints``: trainings that have not finished, and what to do about them."""

from __future__ import annotations

import argparse
from pathlib import Path

from yue.checkpoints.identity import Identity
from yue.checkpoints.stored_runs import StoredRun, find_run, remove_run, stored_runs
from yue.commands import Verb
from yue.commands.stage import project_paths
from yue.errors import UsageError, YueError
from yue.paths import Paths, side_store_beside
from yue.recipe.read import read_recipe
from yue.training.job import Job, job_of_project
from yue.training.plan import adopt, identity_of
from yue.wording import counted

EXAMPLE = "yue checkpoints\n  yue checkpoints adopt 3f2a91c04be7\n  yue checkpoints remove --others"
_SHOWN = 4  # differences of a run
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("list", "adopt", "remove"),
        default="list",
        help="list them (default); adopt one: the active recipe goes on from it; remove some",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="the start of an id, as listed")
    parser.add_argument(
        "--others", action="store_true", help="remove all but the active recipe's own"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="of `yue train --output-dir DIR`, apart from a project",
    )


def run(args: argparse.Namespace) -> None:
    """List, adopt or remove."""
    here, job = Paths(Path.cwd()), None
    if args.output_dir is not None:
        folder = side_store_beside(args.output_dir) / "checkpoints"
    elif not here.params.is_file() and (here.side_store / "checkpoints").is_dir():
        folder = here.side_store / "checkpoints"
    else:
        job = job_of_project(read_recipe(project_paths().params), here)
        folder = job.checkpoints
    if args.action == "adopt":
        _adopt(job, args)
    elif args.action == "remove":
        _remove(folder, job, args)
    else:
        _list(folder, job, args)


def _list(folder: Path, job: Job | None, args: argparse.Namespace) -> None:
    """List runs; ``job`` is what the active recipe trains, in a project."""
    if args.ids or args.others:
        raise UsageError("give `adopt` or `remove` before ids", fix="yue checkpoints --help")
    runs, active, unknown = stored_runs(folder), None, ""
    if runs and job:
        try:
            active = identity_of(job)
        except YueError as error:  # its songs are not there yet, for instance
            unknown = f"  which of them is the active recipe's is not known: {error.what}"
    size = _format_bytes(sum(run.size for run in runs))
    print(f"checkpoints: {counted(len(runs), 'unfinished run')} in {folder}, {size}")
    if unknown:
        print(unknown)
    for run in runs:
        print("\n".join(_describe_run(run, active)))
    if runs:
        own = active is not None and any(run.folder.name == active[0].fingerprint for run in runs)
        adopting = "yue checkpoints adopt ID" if job else "yue train ... --adopt ID"
        ways = ["`dvc repro train` goes on from the active recipe's own"] if own else []
        ways += [f"`{adopting}` goes on from one"] if len(runs) > own else []
        print(f"  next: {', '.join([*ways, '`yue checkpoints remove ID` removes it'])}")


def _describe_run(run: StoredRun, active: tuple[Identity, int] | None) -> list[str]:
    ours = active is not None and run.folder.name == active[0].fingerprint
    steps = f"step {run.step} of {run.notes.get('steps', '?')}" if run.step else "nothing saved yet"
    name = run.notes.get("recipe_name") or "of no project"
    head = f"  {run.id}  {steps}, {_format_bytes(run.size)}, {_format_age(run.age)} ago, {name}"
    if ours:
        return [f"{head}: the active recipe's own"]
    if run.is_older:
        return [head, "    of an older version of yue, which alone can finish it"]
    if active is None or run.identity is None:
        return [head]
    identity, total = active
    differences = identity.differences_from(run.identity)
    more = len(differences) - _SHOWN
    lines = [head, *(f"    {difference}" for difference in differences[:_SHOWN])]
    lines += [f"    and {more} more"] * (more > 0)
    obstacle = run.obstacle(identity, total)
    return [*lines, f"    cannot be adopted: {obstacle}" if obstacle else "    can be adopted"]


def _adopt(job: Job | None, args: argparse.Namespace) -> None:
    if job is None:
        raise UsageError(
            "apart from a project there is no active recipe",
            fix="give the id to the training itself: yue train ... --adopt ID",
        )
    if len(args.ids) != 1 or args.others:
        raise UsageError(
            f"adopt takes one id, {len(args.ids)} are given", fix="yue checkpoints   # lists them"
        )
    run = adopt(job, args.ids[0])
    print(f"checkpoints: the active recipe goes on from {run.id}, step {run.step}")
    print("  next: dvc repro train")


def _remove(folder: Path, job: Job | None, args: argparse.Namespace) -> None:
    if bool(args.ids) == args.others:
        raise UsageError("remove takes ids, or --others", fix="yue checkpoints   # lists them")
    if args.others:
        if job is None:
            raise UsageError(
                "apart from a project no checkpoint is the active recipe's",
                fix="name those to remove: yue checkpoints remove ID ...",
            )
        own = identity_of(job)[0].fingerprint
        runs = [run for run in stored_runs(folder) if run.folder.name != own]
    else:
        named = (find_run(folder, name) for name in args.ids)
        runs = list({run.folder: run for run in named}.values())  # two beginnings may be one id
    freed = 0
    for run in runs:
        size = run.size  # before it is gone
        remove_run(run)
        freed += size
        print(f"checkpoints: removed {run.id}, step {run.step}")
    print(f"checkpoints: {_format_bytes(freed)} freed")


def _format_bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _format_age(seconds: float) -> str:
    for unit, noun in _UNITS:
        if seconds >= unit:
            return counted(int(seconds // unit), noun)
    return "less than a minute"


VERBS = {"checkpoints": Verb(EXAMPLE, _add_arguments, run)}
