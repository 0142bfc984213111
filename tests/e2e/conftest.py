"""A real project in a temporary folder: this working tree, committed to a git of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A DVC project on disk and the commands that are run in it."""

    root: Path
    home: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of this environment in the project."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "GIT_"))}
        env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig"),
            "DVC_NO_ANALYTICS": "1",
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{' '.join(command)}\n{output}"
        return subprocess.CompletedProcess(command, done.returncode, output, done.stderr)

    def repro(self) -> list[str]:
        """``dvc repro``; the names of the stages that ran."""
        return ran_stages(self.run("dvc", "repro").stdout)

    def edit_params(self, **changes: object) -> None:
        """Set recipe keys, written ``section__key``, as a hand edit would."""
        path = self.root / "params.yaml"
        yaml = YAML()
        document = yaml.load(path.read_text())
        for name, value in changes.items():
            section, key = name.split("__")
            document[section][key] = value
        with path.open("w") as stream:
            yaml.dump(document, stream)


def ran_stages(output: str) -> list[str]:
    """Stages that DVC says it ran (not restored from its run cache)."""
    prefix = "Running stage '"
    return [
        line[len(prefix) :].split("'")[0] for line in output.splitlines() if line.startswith(prefix)
    ]


def make_project(folder: Path) -> Project:
    """Copy the working tree's own files (tracked or not ignored) and commit them."""
    home = folder / "home"
    root = folder / "project"
    home.mkdir(parents=True)
    (home / "gitconfig").write_text("[user]\n\tname = t\n\temail = t@localhost\n")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    project = Project(root, home)
    (root / "dvc.lock").unlink(missing_ok=True)
    project.run("git", "init", "-q")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The demo recipe, run once from nothing; its output is in ``first-run.log``."""
    project = make_project(tmp_path_factory.mktemp("demo"))
    done = project.run("dvc", "repro")
    (project.home / "first-run.log").write_text(done.stdout)
    yield project
    project.run("dvc", "queue", "stop", "--kill", check=False)
