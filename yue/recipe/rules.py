"""Rules of a recipe that a schema cannot say: between keys, each a row of a table; and of paths.

A path is inside the project or absolute, and the same for every reader: DVC substitutes paths into
dvc.yaml, so what a shell would expand stays as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from yue.codec_facts import BUILT_IN
from yue.recipe.mixing import repeated_names
from yue.recipe.problems import Problem
from yue.recipe.yaml_positions import KeyPath
from yue.tokens.layouts.table import LAYOUTS

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


def _path_fault(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a path, and how to fix it."""
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


# The first ZeRO stage that can keep it in main memory.
_OFFLOAD_STAGE = {"none": 0, "optimizer": 1, "all": 3}


@dataclass(frozen=True)
class Rule:
    """A condition on some keys.

    Attributes:
        keys: Dotted names; a broken rule is reported at the first.
        holds: Takes the keys' values in order.
        says: What must be, in words; takes the same.
        fix: What to do; takes the same.
    """

    keys: tuple[str, ...]
    holds: Callable[..., bool]
    says: Callable[..., str]
    fix: Callable[..., str]


RULES = (
    Rule(
        ("train.micro_batch_size", "train.batch_size"),
        lambda micro, batch: batch % micro == 0,
        lambda micro, batch: f"must divide train.batch_size, which is {batch}",
        lambda micro, batch: f"take one of {_divisors(batch)}",
    ),
    Rule(
        ("launch.processes", "train.batch_size"),
        lambda processes, batch: processes == 0 or batch % processes == 0,
        lambda processes, batch: f"must divide train.batch_size, which is {batch}",
        lambda processes, batch: (
            f"take one of {_divisors(batch)}, or set train.batch_size to a multiple of {processes}"
        ),
    ),
    Rule(
        ("codec.codebooks", "codec.name"),
        lambda codebooks, name: name not in BUILT_IN or codebooks <= BUILT_IN[name].codebooks,
        lambda codebooks, name: f"{name} has {BUILT_IN[name].codebooks} codebooks",
        lambda codebooks, name: f"take 1 to {BUILT_IN[name].codebooks}",
    ),
    Rule(
        ("tokens.codebooks", "codec.codebooks"),
        lambda books, stored: books is None or books <= stored,
        lambda books, stored: f"codec.codebooks {stored} stores no more than that",
        lambda books, stored: f"take 1 to {stored}, or leave it empty",
    ),
    Rule(
        ("tokens.layout", "tokens.codebooks", "codec.codebooks"),
        lambda layout, books, stored: LAYOUTS[layout].stage == 1 or (books or stored) > 1,
        lambda layout, books, stored: (
            f"{layout} adds codebooks to the first, and there is only one"
        ),
        lambda layout, books, stored: "set codec.codebooks and tokens.codebooks to 2 or more",
    ),
    Rule(
        ("train.loss_on", "tokens.layout"),
        lambda roles, layout: all(role in LAYOUTS[layout].roles for role in roles),
        lambda roles, layout: f"layout {layout} has no {_others(roles, LAYOUTS[layout].roles)}",
        lambda roles, layout: f"take some of {', '.join(LAYOUTS[layout].roles)}",
    ),
    Rule(
        ("logging.sample_steps", "tokens.layout"),
        lambda steps, layout: steps is None or "vocal" in LAYOUTS[layout].roles,
        lambda steps, layout: f"there is nothing to sing in layout {layout}",
        lambda steps, layout: "leave it empty",
    ),
    Rule(
        ("lora.init", "lora.dora", "lora.qlora"),
        lambda init, dora, qlora: init != "pissa" or not (dora or qlora),
        lambda init, dora, qlora: (
            f"pissa takes parts of the base model's weights, which {'dora' if dora else 'qlora'} "
            "does not allow"
        ),
        lambda init, dora, qlora: "set it to zero",
    ),
    Rule(
        ("lora.qlora", "launch.zero_stage"),
        lambda qlora, stage: not qlora or stage < 3,
        lambda qlora, stage: "launch.zero_stage 3 cannot share out weights of 4 bits",
        lambda qlora, stage: "set launch.zero_stage to 2",
    ),
    Rule(
        ("lora.modules_to_save", "launch.zero_stage"),
        lambda modules, stage: "lm_head" not in modules or stage < 3,
        lambda modules, stage: "launch.zero_stage 3 shares out lm_head, which the loss needs whole",
        lambda modules, stage: "set launch.zero_stage to 2",
    ),
    Rule(
        ("launch.offload", "launch.zero_stage"),
        lambda offload, stage: stage >= _OFFLOAD_STAGE[offload],
        lambda offload, stage: f"launch.zero_stage {stage} cannot do that",
        lambda offload, stage: f"set launch.zero_stage to {_OFFLOAD_STAGE[offload]} or more",
    ),
    Rule(
        ("launch.hosts", "launch.hostfile", "launch.launcher"),
        lambda hosts, file, launcher: (
            (len(hosts) > 0) + (file is not None) + (launcher == "slurm") <= 1
        ),
        lambda hosts, file, launcher: (
            "the hosts are named once: by launch.hosts, launch.hostfile or the job of slurm"
        ),
        lambda hosts, file, launcher: "leave all but one empty",
    ),
    Rule(
        ("logging.sample_steps", "launch.zero_stage"),
        lambda steps, stage: steps is None or stage < 3,
        lambda steps, stage: "with launch.zero_stage 3 no process has a whole model to sing with",
        lambda steps, stage: "leave it empty, or set launch.zero_stage to 2",
    ),
    Rule(
        ("mix.datasets",),
        lambda datasets: not repeated_names(datasets),
        lambda datasets: f"names {', '.join(repeated_names(datasets))} more than once",
        lambda datasets: "keep one of them, with the number that you want",
    ),
    Rule(
        ("convert.sample_rate", "codec.name"),
        lambda rate, name: name not in BUILT_IN or rate == BUILT_IN[name].sample_rate,
        lambda rate, name: f"{name} takes {BUILT_IN[name].sample_rate} Hz",
        lambda rate, name: f"set it to {BUILT_IN[name].sample_rate}",
    ),
    Rule(
        ("convert.mono", "codec.name"),
        lambda mono, name: mono,
        lambda mono, name: f"{name} takes one channel",
        lambda mono, name: "set it to true",
    ),
    Rule(
        ("generate.upsample", "codec.name"),
        lambda upsample, name: not upsample or name == "xcodec",
        lambda upsample, name: f"YuE's vocoders read the codes of xcodec, not of {name}",
        lambda upsample, name: "set it to false",
    ),
    Rule(
        ("convert.min_segment_length", "convert.segment_length"),
        lambda shortest, length: length is None or shortest <= length,
        lambda shortest, length: f"no piece of convert.segment_length {length} could be kept",
        lambda shortest, length: f"take at most {length}, or a longer segment_length",
    ),
    Rule(
        ("songs.test_share", "songs.valid_share"),
        lambda test, valid: test + valid < 1,
        lambda test, valid: f"with songs.valid_share {valid} nothing is left to train on",
        lambda test, valid: "let the two add up to less than 1",
    ),
    Rule(
        ("evaluate.split", "songs.valid_share"),
        lambda split, share: split != "valid" or share > 0,
        lambda split, share: "songs.valid_share 0 holds no songs out for it",
        lambda split, share: "set songs.valid_share above 0",
    ),
    Rule(
        ("generate.audio_prompt", "generate.vocal_prompt", "generate.instrumental_prompt"),
        lambda alone, vocal, instrumental: alone is None or vocal is None is instrumental,
        lambda alone, vocal, instrumental: "reference audio is one track, or two",
        lambda alone, vocal, instrumental: "leave it empty, or the other two",
    ),
    Rule(
        ("generate.vocal_prompt", "generate.instrumental_prompt"),
        lambda vocal, instrumental: (vocal is None) == (instrumental is None),
        lambda vocal, instrumental: "goes with generate.instrumental_prompt: the two take turns",
        lambda vocal, instrumental: "give both, or one track as generate.audio_prompt",
    ),
    Rule(
        ("generate.prompt_end", "generate.prompt_start"),
        lambda end, start: end > start,
        lambda end, start: f"must be after generate.prompt_start, which is {start:g}",
        lambda end, start: f"take more than {start:g}",
    ),
    Rule(
        ("evaluate.split", "songs.test_share"),
        lambda split, share: split != "test" or share > 0,
        lambda split, share: "songs.test_share 0 holds no songs out for it",
        lambda split, share: "set songs.test_share above 0, or evaluate on valid",
    ),
)


def rule_problems(values: Mapping[str, Any], faulty: Set[KeyPath]) -> list[Problem]:
    """Return broken rules of which every key is there and sound by itself.

    Args:
        values: The recipe, or some of its sections.
        faulty: Paths that have a problem already.
    """
    broken = {path[:2] for path in faulty}  # an item of a list counts as the list
    sound = {path: value for path, value in _leaves(values) if path not in broken}
    found = []
    for rule in RULES:
        paths = [tuple(key.split(".")) for key in rule.keys]
        if all(path in sound for path in paths):
            given = [sound[path] for path in paths]
            if not rule.holds(*given):
                says, fix = rule.says(*given), rule.fix(*given)
                found.append(Problem(paths[0], says, fix, others=rule.keys[1:]))
    faults = ((key, _path_fault(sound[key])) for key in PATH_KEYS if key in sound)
    return found + [Problem(key, *fault) for key, fault in faults if fault]


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for section, inner in values.items():
        if isinstance(inner, Mapping):
            yield from (((section, name), value) for name, value in inner.items())
        else:
            yield (section,), inner


def _divisors(number: int) -> str:
    return ", ".join(str(n) for n in range(1, min(int(number), 64) + 1) if number % n == 0)


def _others(names: Sequence[str], known: Sequence[str]) -> str:
    return " and no ".join(name for name in names if name not in known)
