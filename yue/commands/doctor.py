"""``yue doctor``: what this machine and project lack, each with the command that fixes it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from yue.commands import Verb
from yue.errors import YueError

EXAMPLE = "yue doctor --json"
_MARKS = {"ok": " ok ", "warning": "warn", "failure": "FAIL"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> None:
    """Look at everything, print it, and fail if something stops work."""
    from yue.doctor.machine_checks import check_machine
    from yue.doctor.project_checks import check_project

    root = Path.cwd()
    findings = [*check_machine(root), *check_project(root)]
    failures = [finding for finding in findings if finding.state == "failure"]
    if args.json:
        print(json.dumps([asdict(f) for f in findings], indent=2, ensure_ascii=False), flush=True)
    else:
        for finding in findings:
            print(f"[{_MARKS[finding.state]}] {finding.name}: {finding.found}")
            if finding.fix:
                print(f"       fix: {finding.fix}")
    if failures:
        raise YueError(
            f"{len(failures)} of {len(findings)} checks failed: "
            + ", ".join(finding.name for finding in failures),
            fix="each has its command above; run `yue doctor` again after it",
        )
    if not args.json:
        warnings = sum(finding.state == "warning" for finding in findings)
        noun = "warning" if warnings == 1 else "warnings"
        print(f"doctor: nothing stops work; {warnings} {noun}", flush=True)


VERBS = {"doctor": Verb(EXAMPLE, _add_arguments, run)}
