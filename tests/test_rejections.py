"""One sum of what is lost, against one number of songs, from the folder to the token files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio.conftest import convert_settings, music, write
from tests.tokens.corpus import train_tokenizer
from yue.codecs.melrvq_fit import fit
from yue.dataset.token_files import TokenFiles
from yue.errors import SongError, YueError
from yue.paths import Paths
from yue.recipe.model import Data, Recipe, Runtime
from yue.recipe.read import default_recipe
from yue.rejections import (
    Rejected,
    Rejections,
    StageRejections,
    check_share,
    read_rejections,
    write_rejections,
)
from yue.stages import convert, mmap, separate, songs, tokenize

MAINS = {
    "convert": convert.main,
    "separate": separate.main,
    "tokenize": tokenize.main,
    "songs": songs.main,
    "mmap": mmap.main,
}
STAGES = tuple(MAINS)
SECONDS = 1.2  # of a song, or of each of the two pieces of one


def entry(name: str, song_id: str | None = None) -> Rejected:
    return Rejected(name, f"{name} is broken", f"mend {name}", song_id)


def lost(songs_found: int, *counts: int) -> Rejections:
    """So many songs lost at each stage."""
    made = Rejections(songs_found)
    for stage, count in zip(STAGES, counts, strict=False):
        made = made.after(stage, [entry(f"{stage} {n}") for n in range(count)], left=())
    return made


def test_a_song_is_lost_when_nothing_of_it_is_left() -> None:
    entries = [entry("a, piece 1", "a"), entry("b, piece 1", "b"), entry("b, piece 2", "b")]
    found = Rejections(3).after("separate", [*entries, entry("stray.m4p")], left={"a"})
    here = found.at("separate")
    assert [e.what for e in here.lost] == ["b, piece 1", "stray.m4p"]
    assert [e.what for e in here.partly] == ["a, piece 1", "b, piece 2"]
    assert (found.lost, found.share) == (2, 2 / 3)


def test_the_share_that_is_allowed_is_exact() -> None:
    check_share(lost(100, 20, 9), 0.29)  # 0.29 * 100 is less than 29
    with pytest.raises(SongError) as caught:
        check_share(lost(100, 20, 9), 0.2899)
    assert caught.value.why == "that is 29%, and data.max_rejected_share is 28.99%"
    check_share(lost(3), 0)


def test_the_message_has_the_sum_by_stage_and_the_last_stage_s_songs_first(tmp_path: Path) -> None:
    whole = tmp_path / "too_many_rejected.json"
    with pytest.raises(SongError) as caught:
        check_share(lost(12, 1, 0, 2), 0.2, whole)
    assert str(caught.value) == (
        "3 of 12 songs cannot be used (convert 1, tokenize 2)\n"
        "    tokenize 0: tokenize 0 is broken\n      fix: mend tokenize 0\n"
        "    tokenize 1: tokenize 1 is broken\n      fix: mend tokenize 1\n"
        "    convert 0: convert 0 is broken\n      fix: mend convert 0\n"
        "  why: that is 25%, and data.max_rejected_share is 20%\n"
        f"  fix: mend or remove them, or raise data.max_rejected_share; {whole} has all of them"
    )
    assert read_rejections(whole, "tokenize").lost == 3
    check_share(lost(12, 1), 0.2, whole)
    assert not whole.exists(), "the run got past it"


def test_no_song_left_is_an_error_whatever_the_share() -> None:
    with pytest.raises(SongError, match="no song is left"):
        check_share(lost(3, 1, 2), 1.0)
    skipped = lost(3, 1).plus(StageRejections("songs", skipped=(entry("x"), entry("y"))))
    with pytest.raises(SongError, match="no song is left: the recipe skips 2 songs"):
        check_share(skipped, 1.0)


def test_a_terminal_has_the_first_and_names_the_file_with_all() -> None:
    many = Rejections(99).after("convert", [entry(f"{n}\n.wav") for n in range(25)], left=())
    text = many.at("convert").describe("work/audio/rejected.json")
    assert text.startswith("25 songs\n    0\\n.wav: 0\\n.wav is broken\n      fix: mend 0\\n.wav\n")
    assert text.count("fix:") == 20
    assert text.endswith("and 5 more, in work/audio/rejected.json")
    assert many.at("separate").describe("") == "nothing"
    some = StageRejections("songs", (), (entry("a"),), (entry("b"), entry("c")))
    first = some.describe("").splitlines()[0]
    assert first == "1 file or part of songs that stay, 2 songs skipped as the recipe says"


ENTRIES = st.builds(
    Rejected, st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), st.none() | st.text()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.lists(ENTRIES, max_size=3).map(tuple)] * 3), max_size=5))
def test_a_record_reads_back(
    tmp_path: Path, stages: list[tuple[tuple[Rejected, ...], tuple[Rejected, ...]]]
) -> None:
    record = Rejections(40, 5)
    for name, parts in zip(STAGES, stages, strict=False):
        record = record.plus(StageRejections(name, *parts))
    try:
        write_rejections(tmp_path / "r.json", record)
    except UnicodeEncodeError:  # half a surrogate pair: no entry has one (`printable`)
        return
    read = read_rejections(tmp_path / "r.json", "convert")
    assert (read.songs, read.rows) == (40, 5)
    assert all(read.at(name) == record.at(name) for name in STAGES)


@pytest.mark.parametrize(
    "damage",
    [
        ("{", ""),
        ('"songs": 3', '"songs": "3"'),
        ('"songs": 3', '"songs": true'),
        ('"songs": 3', '"songs": 0'),
        ('"lost": true', '"lost": 1'),
        ('"reason"', '"raison"'),
        ('"what": "convert 0"', '"what": null'),
        ('"stage": "convert"', '"stage": 7'),
        ('"skipped": []', '"skipped": null'),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, damage: tuple[str, str]) -> None:
    path = tmp_path / "rejected.json"
    write_rejections(path, lost(3, 1))
    text = path.read_text()
    assert damage[0] in text
    path.write_text(text.replace(*damage, 1))
    with pytest.raises(YueError) as caught:
        read_rejections(path, "convert")
    assert str(path) in caught.value.what


# -- The real stages, with songs that fail at one of them. --


@dataclass(frozen=True)
class Made:
    """What every project of these tests uses: a codec and a tokenizer."""

    codec: Path
    tokenizer: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    fit([music(8, seed=seed) for seed in range(2)], codebooks=1, codebook_size=64).save(
        folder / "codec"
    )
    return Made(folder / "codec", train_tokenizer(folder))


def recipe(made: Made, limit: float, *, cut: bool) -> Recipe:
    base = default_recipe()
    return replace(
        base,
        data=Data(songs_dir="songs", max_rejected_share=limit),
        convert=convert_settings(segment_length=SECONDS if cut else None),
        codec=replace(base.codec, name="melrvq", path=str(made.codec), codebooks=1),
        songs=replace(base.songs, valid_share=0.0, test_share=0.0),
        tokens=replace(base.tokens, tokenizer=str(made.tokenizer)),
        runtime=Runtime(workers=1, device="cpu"),
    )


class Project:
    """A folder of songs and what becomes of them, each failing where it is told to.

    Args:
        root: The project.
        fates: Song to the stage at which it fails, "" where it does not; "tokenize part" is one
            piece of two.
        cut: Whether songs are of two pieces.
    """

    def __init__(self, root: Path, fates: Mapping[str, str], *, cut: bool) -> None:
        self.paths, self.fates, self.cut = Paths(root), fates, cut
        for number, (song, fate) in enumerate(fates.items()):
            names = ["Vocals"] if fate == "separate" else ["Vocals", "Instrumental"]
            for name in names:
                path = root / "songs" / f"{song}.{name}.wav"
                seed = 2 * number + (name == "Vocals")
                write(path, music((2 if cut else 1) * SECONDS, seed=seed))
                if fate == "convert":
                    path.write_bytes(b"")
            if fate == "songs":
                (root / "songs" / f"{song}.json").write_text("{")

    def sabotage(self, stage: str) -> None:
        """Damage what a stage is to read."""
        folder = {"tokenize": self.paths.audio, "mmap": self.paths.codes}.get(stage)
        for song, fate in self.fates.items() if folder else ():
            first = "#000" if fate.endswith("part") else ""
            if fate.startswith(stage):
                for path in folder.glob(f"{song}{first}*.vocal.npy"):
                    path.unlink()  # the store has the same bytes under another name
                    np.save(path, np.zeros((2, 3), np.float64))

    def run(self, asked: Recipe) -> str:
        """Run the stages; return that which stops with too much lost, "" where none does."""
        for stage in STAGES:
            self.sabotage(stage)
            try:
                MAINS[stage](asked, self.paths)
            except SongError as error:
                if re.search("cannot be used|no song can be used", error.what):
                    return stage
                raise
        return ""

    def expected(self, limit: float) -> str:
        """Say at which stage it is too much, from the fates alone."""
        gone = 0
        for stage in STAGES:
            gone += sum(fate == stage for fate in self.fates.values())
            if gone / len(self.fates) > limit or gone == len(self.fates):
                return stage
        return ""


def fates(*names: str) -> dict[str, str]:
    return {f"song {number}": name for number, name in enumerate(names)}


@pytest.fixture(autouse=True)
def no_dvc_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_ROOT", raising=False)


def test_shares_that_are_each_allowed_stop_the_stage_where_their_sum_is_not(
    made: Made, tmp_path: Path
) -> None:
    project = Project(tmp_path, fates(*STAGES, *[""] * 3), cut=False)
    assert project.run(recipe(made, 0.49, cut=False)) == "songs"  # 4 of 8; no stage alone loses 2
    record = read_rejections(project.paths.too_many_rejected, "songs")
    assert record.in_words() == (
        "4 of 8 songs cannot be used (convert 1, separate 1, tokenize 1, songs 1)"
    )
    assert not project.paths.data_report.exists()

    # A stage alone finds the counts of those before.
    songs.main(recipe(made, 0.5, cut=False), project.paths)
    assert not project.paths.too_many_rejected.exists()
    project.sabotage("mmap")
    with pytest.raises(SongError) as caught:
        mmap.main(recipe(made, 0.62, cut=False), project.paths)
    assert caught.value.what.startswith(
        "5 of 8 songs cannot be used (convert 1, separate 1, tokenize 1, songs 1, mmap 1)\n"
        "    songs.jsonl:1 (song 'song 4')"
    )
    assert caught.value.why == "that is 62.5%, and data.max_rejected_share is 62%"
    for number in (3, 2, 1, 0):  # then those of earlier stages
        assert f"song {number}" in caught.value.what.split(f"song {number + 1}", 1)[1]
    mmap.main(recipe(made, 0.63, cut=False), project.paths)
    assert TokenFiles.open(project.paths.tokens / "train").documents == 3


@settings(max_examples=5)
@given(st.data())
def test_what_is_lost_is_what_is_missing_at_the_end(made: Made, data: st.DataObject) -> None:
    cut = data.draw(st.booleans(), label="cut")
    kinds = ["", "", *STAGES, *(("tokenize part", "mmap part") if cut else ())]
    drawn = data.draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=6), label="fates")
    limit = data.draw(st.sampled_from([0.0, 0.3, 0.6, 1.0, 1.0, 1.0]), label="limit")
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name), fates(*drawn), cut=cut)
        assert project.run(recipe(made, limit, cut=cut)) == project.expected(limit)
        if project.expected(limit):
            return
        record = read_rejections(project.paths.rejected, "mmap")
        ids = TokenFiles.open(project.paths.tokens / "train").info.song_ids
        left = {song_id.partition("#")[0] for song_id in ids}
    assert record.found == len(drawn)
    assert record.found - len(left) == record.lost
    assert left == {song for song, fate in project.fates.items() if fate not in STAGES}
    counts = {stage: len(record.at(stage).lost) for stage in STAGES}
    assert counts == {stage: drawn.count(stage) for stage in STAGES}
