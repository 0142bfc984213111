"""Rules between keys, each reported at the key to change with what to change it to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.recipe.conftest import demo_lines, line_of, replace_value
from yue.recipe.fault_text import Fault
from yue.recipe.read import problems
from yue.recipe.rules import RULES
from yue.recipe.schema import defaults, keys_by_path

CASES = [
    (
        {"train.micro_batch_size": "3"},
        "train.micro_batch_size",
        "must divide train.batch_size, which is 4",
        "take one of 1, 2, 4",
    ),
    (
        {"launch.processes": "3", "train.micro_batch_size": "1"},
        "launch.processes",
        "must divide train.batch_size, which is 4",
        "take one of 1, 2, 4, or set train.batch_size to a multiple of 3",
    ),
    ({"codec.codebooks": "9"}, "codec.codebooks", "melrvq has 8 codebooks", "take 1 to 8"),
    (
        {"tokens.codebooks": "5", "codec.codebooks": "4"},
        "tokens.codebooks",
        "codec.codebooks 4 stores no more than that",
        "take 1 to 4, or leave it empty",
    ),
    (
        {"tokens.layout": "stage2", "codec.codebooks": "1"},
        "tokens.layout",
        "stage2 adds codebooks to the first, and there is only one",
        "set codec.codebooks and tokens.codebooks to 2 or more",
    ),
    (
        {"generate.upsample": "true"},
        "generate.upsample",
        "YuE's vocoders read the codes of xcodec, not of melrvq",
        "set it to false",
    ),
    (
        {"tokens.layout": "mix"},
        "train.loss_on",
        "layout mix has no vocal and no instrumental",
        f"take some of text, special, {', '.join(f'codebook_{n}' for n in range(12))}",
    ),
    (
        {"mix.datasets": "[songs=1, pop=2, songs=3]"},
        "mix.datasets",
        "names songs more than once",
        "keep one of them, with the number that you want",
    ),
    (
        {"logging.sample_steps": "5", "tokens.layout": "mix", "train.loss_on": "[text]"},
        "logging.sample_steps",
        "there is nothing to sing in layout mix",
        "leave it empty",
    ),
    (
        {"lora.init": "pissa", "lora.dora": "true"},
        "lora.init",
        "pissa takes parts of the base model's weights, which dora does not allow",
        "set it to zero",
    ),
    (
        {"lora.qlora": "true", "launch.zero_stage": "3"},
        "lora.qlora",
        "launch.zero_stage 3 cannot share out weights of 4 bits",
        "set launch.zero_stage to 2",
    ),
    (
        {"lora.modules_to_save": "[lm_head]", "launch.zero_stage": "3"},
        "lora.modules_to_save",
        "launch.zero_stage 3 shares out lm_head, which the loss needs whole",
        "set launch.zero_stage to 2",
    ),
    (
        {"launch.offload": "all"},
        "launch.offload",
        "launch.zero_stage 2 cannot do that",
        "set launch.zero_stage to 3 or more",
    ),
    (
        {"launch.hosts": "[a, b]", "launch.launcher": "slurm"},
        "launch.hosts",
        "the hosts are named once: by launch.hosts, launch.hostfile or the job of slurm",
        "leave all but one empty",
    ),
    (
        {"logging.sample_steps": "5", "launch.zero_stage": "3"},
        "logging.sample_steps",
        "with launch.zero_stage 3 no process has a whole model to sing with",
        "leave it empty, or set launch.zero_stage to 2",
    ),
    (
        {"convert.sample_rate": "22050"},
        "convert.sample_rate",
        "melrvq takes 16000 Hz",
        "set it to 16000",
    ),
    (
        {"codec.name": "dac44k"},
        "convert.sample_rate",
        "dac44k takes 44100 Hz",
        "set it to 44100",
    ),
    ({"convert.mono": "false"}, "convert.mono", "melrvq takes one channel", "set it to true"),
    (
        {"convert.segment_length": "2", "convert.min_segment_length": "5"},
        "convert.min_segment_length",
        "no piece of convert.segment_length 2 could be kept",
        "take at most 2, or a longer segment_length",
    ),
    (
        {"songs.test_share": "0.8"},
        "songs.test_share",
        "with songs.valid_share 0.2 nothing is left to train on",
        "let the two add up to less than 1",
    ),
    (
        {"songs.valid_share": "0"},
        "evaluate.split",
        "songs.valid_share 0 holds no songs out for it",
        "set songs.valid_share above 0",
    ),
    (
        {"songs.test_share": "0", "evaluate.split": "test"},
        "evaluate.split",
        "songs.test_share 0 holds no songs out for it",
        "set songs.test_share above 0, or evaluate on valid",
    ),
    (
        {"generate.audio_prompt": "a.wav", "generate.vocal_prompt": "b.wav"},
        "generate.audio_prompt",
        "reference audio is one track, or two",
        "leave it empty, or the other two",
    ),
    (
        {"generate.instrumental_prompt": "a.wav"},
        "generate.vocal_prompt",
        "goes with generate.instrumental_prompt: the two take turns",
        "give both, or one track as generate.audio_prompt",
    ),
    (
        {"generate.prompt_start": "30"},
        "generate.prompt_end",
        "must be after generate.prompt_start, which is 30",
        "take more than 30",
    ),
]
PATHS = [
    ("../songs", "leads out of its folder by '..'", "write an absolute path"),
    ("a/../../b", "leads out of its folder by '..'", "write an absolute path"),
    ("~/music", "~ is not expanded", "write the folder out"),
    ("$HOME/music", "variables are not expanded", "write the folder out"),
    ("${data.x}", "has ${, which DVC's experiments do not take as text", "take another name"),
    ("/a/${b}", "has ${, which DVC's experiments do not take as text", "take another name"),
    ("'???'", "has ???, which DVC's experiments do not take as text", "take another name"),
    ("s3://bucket/a", "is a URL; a path is needed", "fetch it first"),
    ("C:\\music", "has a backslash", "write folders with /"),
    ("' songs'", "has spaces at its ends", "remove them"),
    (".", "is the project folder itself", "name a folder in it"),
    ("work/audio", "lies in work/, which the pipeline writes", "name a folder of your own"),
    ("./work", "lies in work/, which the pipeline writes", "name a folder of your own"),
    ("a" * 300, "has a name that is too long for a file", "take at most 255 bytes"),
]


def changed(changes: Mapping[str, str]) -> str:
    lines = demo_lines()
    for dotted, value in changes.items():
        replace_value(lines, dotted, value)
    return "\n".join(lines)


@pytest.mark.parametrize(("changes", "key", "rule", "fix"), CASES)
def test_a_broken_rule_is_told_at_its_key(
    faults_of: Callable[[str], list[Fault]],
    changes: dict[str, str],
    key: str,
    rule: str,
    fix: str,
) -> None:
    found = {fault.key: fault for fault in faults_of(changed(changes))}
    fault = found[key]
    assert (fault.rule, fault.fix) == (rule, fix)
    assert fault.place.line - line_of(key) in (1, 2), "a list starts below its key"


def test_every_rule_is_tried_here() -> None:
    assert {rule.keys[0] for rule in RULES} == {key for _, key, _, _ in CASES}
    for rule in RULES:
        assert all(tuple(key.split(".")) in keys_by_path() for key in rule.keys)


@pytest.mark.parametrize(
    "key", ["data.songs_dir", "codec.path", "tokens.tokenizer", "mix.folder", "model.path"]
)
@pytest.mark.parametrize(("path", "rule", "fix"), PATHS)
def test_a_path_that_others_would_read_otherwise(
    faults_of: Callable[[str], list[Fault]], key: str, path: str, rule: str, fix: str
) -> None:
    [fault] = faults_of(changed({key: path}))
    assert (fault.key, fault.rule) == (key, rule)
    assert fault.fix.startswith(fix)


@pytest.mark.parametrize(
    "path", ["/music/songs", "songs/..rock", "a b/ü", "demo/work/x", "./songs/", "/a$b c", "./$x"]
)
def test_other_paths_are_fine(path: str) -> None:
    values = defaults()
    values["data"]["songs_dir"] = path
    assert problems(values) == []


def test_processes_share_the_rows_of_a_step_whatever_a_forward_pass_takes() -> None:
    values = defaults()
    values["train"] |= {"batch_size": 6, "micro_batch_size": 6}
    for processes in (0, 1, 2, 3, 6):
        values["launch"]["processes"] = processes
        assert problems(values) == [], processes


def test_a_rule_waits_until_its_keys_are_sound() -> None:
    values = defaults()
    values["train"] |= {"batch_size": "x", "micro_batch_size": 3}
    assert [".".join(map(str, p.path)) for p in problems(values)] == ["train.batch_size"]
