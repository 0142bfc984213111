"""The fork's command line (``python run_yue.py VERB``): what is taken, what replaces the rest."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from yue.recipe.flags import flag_names
from yue.wording import quoted

_INSTEAD: dict[str, dict[str, str]] = {
    "preprocess": {
        "--config": "leave it out: datasets are mixed while training, `yue train --mix-datasets "
        "NAME=NUMBER`; `yue mix plan --upstream FILE` reads a mixture_cfg.yml",
        "--stage": "leave it out: preprocess encodes; `yue generate` decodes",
        "--shuffle": "leave it out: training takes its rows in another order each epoch",
    },
    "train": {
        "--fp16": "give --bf16: fp16 overflows",
        "--save-total-limit": "leave it out: only the newest checkpoint is kept, until the adapter "
        "is written",
        "--optimizer": "leave it out: the optimizer is AdamW, PyTorch's own",
        "--resume-from-checkpoint": "leave it out: the same command goes on where it stopped",
        "--run-name": "leave it out: --output-dir names the run, --wandb-project its project",
        "--deepspeed": "give --zero-stage 0 to 3 and --offload none, optimizer or all: DeepSpeed's "
        "configuration is written from them",
    },
    "pipeline": {
        "--fp16": "give --bf16: fp16 overflows",
        "--config": "leave it out: datasets are mixed by --mix-datasets NAME=NUMBER, or as "
        "--recipe NAME has it; `yue mix plan --upstream FILE` reads a mixture_cfg.yml",
        "--pipeline-config": "give what FILE says as flags (its lr as --lr, its sr as --sr; the "
        "rest is as --recipe NAME has it)",
    },
}
_TRACKERS = ("wandb", "tensorboard")


def add_fork_flags(parser: argparse.ArgumentParser) -> None:
    """Add flags of the fork that mean a recipe key; the parser has the keys' own flags already."""
    names = flag_names(parser)
    group = parser.add_argument_group("other names, of YuE's fork")
    dtype = names["model.dtype"]
    group.add_argument(
        "--bf16",
        dest=dtype,
        action="store_const",
        const="bfloat16",
        help=f"the same as --{dtype.replace('_', '-')} bfloat16",
    )
    group.add_argument(
        "--report-to",
        choices=(*_TRACKERS, "none"),
        default=argparse.SUPPRESS,
        action=_ReportTo,
        help="the same as --wandb, as --tensorboard, or as --no-wandb --no-tensorboard",
    )


class _ReportTo(argparse.Action):
    """Switches the tracker on that is named, or all off."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        names = flag_names(parser)
        for tracker in _TRACKERS if values == "none" else (values,):
            setattr(namespace, names[f"logging.{tracker}"], values != "none")


def flag_instead(verb: str, unknown: Sequence[str], given: argparse.Namespace) -> str | None:
    """Return what to type for a flag of the fork that is not taken; None for any other flag.

    Args:
        verb: The verb.
        unknown: Words that its parser left, the flag first.
        given: What the parser took of the others.
    """
    flag, _, value = unknown[0].partition("=")
    value = value or next((word for word in unknown[1:2] if not word.startswith("-")), "")
    if (verb, flag) == ("train", "--gradient-accumulation-steps"):
        return _accumulation_flags(value, given.batch_size or 4)
    if (verb, flag) == ("count", "--save-stats"):
        folder = "" if given.data_dir is None else f" --data-dir {quoted(given.data_dir)}"
        return f"type: yue count{folder} --json > token_stats.json"
    text = _INSTEAD.get(verb, {}).get(flag)
    return text and text.replace("FILE", quoted(value) if value else "FILE")


def _accumulation_flags(steps: str, batch: int) -> str:
    """Return the flags for accumulated steps: the fork's batch size is of one forward pass."""
    if not steps.isdecimal() or not int(steps):
        return "give --batch-size, rows of a whole step, and --micro-batch-size, of a forward pass"
    return (
        f"give --batch-size {batch * int(steps)} --micro-batch-size {batch}: here --batch-size "
        f"counts the rows of a whole step (on N GPUs, N times {batch * int(steps)} for what the "
        "fork did)"
    )


def dataset_instead(words: Sequence[str]) -> str:
    """Return the command for which the fork's verb ``dataset`` was run, with what it was given.

    Args:
        words: What stands after the verb.
    """
    given = _dataset_flags(words)
    micro, batch = given.micro_batch_size, given.global_batch_size
    if micro and micro.isdecimal() and batch is None:
        batch = str(4 * int(micro))  # the fork's default
    flags = {
        "--data-dir": given.data_dir or "DATA_DIR",
        "--output-dir": "ADAPTER",
        "--context-length": given.sequence_length,
        "--batch-size": batch,
        "--micro-batch-size": micro,
        "--seed": given.seed,
    }
    typed = " ".join(f"{flag} {quoted(word)}" for flag, word in flags.items() if word)
    lines = [f"training packs, shuffles and mixes by itself: yue train --model MODEL {typed}"]
    if given.blend_weights:
        lines.append("mix by weight with --mix-by weights --mix-datasets songs=1 NAME=0.5")
    if shares := _share_flags(given.split):
        lines.append(f"whole songs are split where they are made: yue preprocess {shares}")
    return "; ".join(lines)


def _dataset_flags(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("data-dir", "output-dir", "cache-dir", "seed", "sequence-length", "split"):
        parser.add_argument(f"--{name}", nargs="?")
    for name in ("micro-batch-size", "global-batch-size", "blend-weights"):
        parser.add_argument(f"--{name}", nargs="?")
    return parser.parse_known_args(words)[0]


def _share_flags(split: str | None) -> str:
    """Return ``960,30,10`` as the flags that say the same."""
    try:
        parts = [float(part) for part in (split or "").split(",")]
        _, valid, test = parts
        return f"--valid-share {valid / sum(parts):.3g} --test-share {test / sum(parts):.3g}"
    except (ValueError, ZeroDivisionError):
        return ""
