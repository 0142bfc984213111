"""The ``yue`` command: one verb for each pipeline stage, and a few tools."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from yue import __version__
from yue.commands import Verb
from yue.errors import YueError
from yue.wording import did_you_mean

STAGES = {
    "validate": "check a recipe: every fault at once, with line, rule and nearest key",
    "inputs": "have everything here that the recipe names: links in experiments, weights",
    "convert": "decode a folder of songs to mono arrays at one sample rate",
    "separate": "pair every song's vocal, instrumental and mixture; find where there is singing",
    "tokenize": "encode tracks into codec codes",
    "songs": "join codes, lyrics and genres into training rows, and split them",
    "mmap": "write rows as token documents (.bin/.idx)",
    "train": "train a LoRA adapter with DeepSpeed",
    "evaluate": "measure held-out loss per track, tuned against base",
    "generate": "generate songs as WAV files",
    "report": "write the report page",
}
TOOLS = {
    "init": "make a project for your own songs",
    "pipeline": "from a folder of songs to an adapter and music, in one command",
    "preprocess": "from a folder that `yue convert` made to token files, in one command",
    "doctor": "look at this machine and project: what is missing, and what fixes it",
    "use": "make a recipe the active one (writes params.yaml)",
    "recipes": "list the recipes of this project",
    "schema": "explain a recipe key",
    "count": "count documents, sequences and tokens of token files",
    "join": "join token files into one, each checked on the way",
    "index": "write the sample order of YuE's own scripts for other readers (.npy)",
    "mix": "plan a mixture of datasets: tokens, iterations, epochs",
    "checkpoints": "list trainings that have not finished; go on from one, or remove them",
    "estimate": "say what training takes on a GPU: memory by part, tokens a second, hours",
    "merge": "add an adapter into its base model's weights, as a model of its own",
    "metrics": "print the metrics of the project and its experiments, each with its state",
    "compare": "write a page over experiments: metrics and players side by side",
    "inspect": "show what the model sees in a token document",
    "fetch": "fetch a model repository from the hub into a folder",
    "codecs": "list codecs: which can be used here, how to get the others, licences",
    "fit-codec": "fit the embedded codec melrvq to a folder of audio",
    "demo": "make the demo's songs, tokenizer, codec and base model",
    "completion": "print the script that completes yue's words in your shell",
}

# Stages whose verbs take no flags of their own.
_FLAGLESS = {"inputs", "separate", "songs", "evaluate", "report"}

# Modules that have several verbs; any other verb has a module of its name.
_SHARED = {
    "experiments": ("metrics", "compare"),
    "models": ("fetch", "merge", "codecs", "fit-codec"),
    "projects": ("init", "pipeline", "preprocess"),
    "recipes": ("recipes", "use"),
    "schema": ("schema", "completion"),
    "token_tools": ("count", "join", "index", "mix"),
}
_MODULES = {verb: module for module, verbs in _SHARED.items() for verb in verbs}

_FIXES = {
    errno.ENOSPC: "free some disk space, then run the same command again",
    errno.EDQUOT: "free some of your disk quota, then run the same command again",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), or name another file system",
    errno.EIO: "look at the disk (dmesg): it is failing, or was taken away; then run it again",
    errno.EACCES: "give yourself the rights (chmod, chown), or name another place",
    errno.EPERM: "give yourself the rights (chmod, chown), or name another place",
    errno.EROFS: "name a place that is not mounted read-only",
    errno.ENOTDIR: "a file is where a folder belongs: remove it, or name another place",
    errno.EEXIST: "a file is where a folder belongs: remove it, or name another place",
    errno.EISDIR: "a folder is where a file belongs: remove it, or name another place",
    errno.EBUSY: "name a folder within it: this one cannot be replaced as a whole",
    errno.ENAMETOOLONG: "shorten the name, or move the project to a shorter path",
}


def load_verb(name: str) -> Verb:
    """Return a verb; only its own module is imported."""
    if name in _FLAGLESS:
        from yue.commands.stage import stage_verb

        return stage_verb(name)
    module = importlib.import_module(f"yue.commands.{_MODULES.get(name, name)}")
    verbs: Mapping[str, Verb] = module.VERBS
    return verbs[name]


def build_parser(*filled: str) -> argparse.ArgumentParser:
    """Return the command-line parser.

    Args:
        filled: Verbs whose own arguments are filled in; the others are listed with their one-line
            help, which needs no imports.
    """
    parser = _Parser(
        prog="yue",
        description="Fine-tune the YuE music language model on your own songs.",
        epilog="A project runs as a whole with `dvc repro`; each stage is also a verb of its own. "
        "`yue VERB --help` shows an example.",
    )
    parser.add_argument("--version", action=_Versions, nargs=0, help="versions that matter")
    parser.add_argument("--debug", action="store_true", help="show a traceback on errors")
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=_VerbParser
    )
    for name, summary in {**STAGES, **TOOLS}.items():
        sub = verbs.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in filled:
            verb = load_verb(name)
            verb.add_arguments(sub)
            sub.epilog = f"example:\n  {verb.example}"
    return parser


class _Parser(argparse.ArgumentParser):
    """Says what is wrong alone: the usage of a verb with recipe keys is 35 lines."""

    def error(self, message: str) -> NoReturn:
        """Leave with the message, and where all words are listed."""
        self.exit(2, f"{self.prog}: {message}\n  fix: `{self.prog} --help` lists what it takes\n")


class _VerbParser(_Parser):
    """A verb's parser: refuses words it does not know itself, with the nearest of its flags."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse as argparse does, which would show all verbs' usage for words that are left."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._refusal(unknown, found))
        return found, unknown

    def _refusal(self, unknown: Sequence[str], found: argparse.Namespace) -> str:
        first = next((n for n, word in enumerate(unknown) if word.startswith("-")), None)
        if first is None:
            return f"cannot use the word '{unknown[0]}'"
        flag = unknown[first].partition("=")[0]
        if flag == "--debug":
            return f"--debug goes before the verb: yue --debug {self.prog.partition(' ')[2]}"
        from yue.commands.fork import flag_instead
        from yue.recipe.flags import flag_called

        if instead := flag_instead(self.prog.split()[-1], unknown[first:], found):
            return f"there is no flag '{flag}'; {instead}"
        near = flag_called(flag, self)
        flags = (known for known in self._option_string_actions if known.startswith("--"))
        meant = f"did you mean '{near}'?" if near else did_you_mean(flag, flags)
        return f"there is no flag '{flag}'{meant and f'; {meant}'}"


class _Versions(argparse.Action):
    """Prints the versions on which results depend, and leaves."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata

        print(f"yue {__version__}, Python {platform.python_version()}")
        for name in ("torch", "torchaudio", "transformers", "peft", "deepspeed", "dvc", "numpy"):
            try:
                print(f"  {name} {metadata.version(name)}")
            except metadata.PackageNotFoundError:
                print(f"  {name} is not installed")
        parser.exit()


def _selected_verbs(argv: Sequence[str]) -> list[str]:
    return [word for word in argv if word in STAGES or word in TOOLS][:1]


def _refuse_unknown_verb(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Leave with the nearest verb, which argparse would let the user find among all."""
    place = next((n for n, word in enumerate(argv) if not word.startswith("-")), None)
    if place is None or argv[place] in STAGES or argv[place] in TOOLS:
        return
    verb = argv[place]
    if "--log-level" in argv[:place]:
        parser.error("there is no flag '--log-level'; leave it out, or give --debug: tracebacks")
    if verb == "dataset":
        from yue.commands.fork import dataset_instead

        parser.error(f"there is no verb 'dataset'; {dataset_instead(argv[place + 1 :])}")
    found = did_you_mean(verb, [*STAGES, *TOOLS])
    parser.error(f"there is no verb '{verb}'{found and f'; {found}'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 done, 1 the work failed, 2 wrong usage or invalid recipe.
    """
    # Read by OpenMP when torch loads it. A thread that spins while it waits for work takes the core
    # from the thread that it waits for whenever anything else runs: four times the CPU time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(*_selected_verbs(words))
    _refuse_unknown_verb(parser, words)
    args = parser.parse_args(words)
    try:
        load_verb(args.verb).run(args)
    except YueError as error:
        if args.debug:
            raise
        sys.stdout.flush()
        print(f"yue {args.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"\nyue {args.verb}: interrupted; finished work is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone: leave quietly, and keep Python from flushing into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a folder without rights: the machine's, not a bug
        if args.debug:
            raise
        sys.stdout.flush()
        print(f"yue {args.verb}: {_system_error(error)}", file=sys.stderr)
        return 1
    return 0


def _system_error(error: OSError) -> YueError:
    """Return what the operating system refused, worded as the user's errors are."""
    place, reason = error.filename2 or error.filename, error.strerror or str(error)
    return YueError(
        f"{os.fsdecode(place)}: {reason}" if isinstance(place, str | bytes) else reason,
        why="the operating system refused it; finished work is kept",
        fix=_FIXES.get(error.errno or 0, "run `yue --debug ...` for where it happened"),
    )


if __name__ == "__main__":
    sys.exit(main())
