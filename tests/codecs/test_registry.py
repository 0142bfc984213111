from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.codecs import tiny
from tests.conftest import ROOT
from yue.codec_facts import BUILT_IN
from yue.codecs.card import CodecCard, same_codec
from yue.codecs.registry import CODECS, about, load_codec, read_card
from yue.errors import CodecError
from yue.tokens.vocabulary import codec_range

CARD = CodecCard("dac44k", "abc", 44_100, Fraction(44_100, 512), (1024,) * 9)


def test_a_codec_stands_in_every_place_where_one_is_looked_for() -> None:
    assert sorted(CODECS) == sorted(BUILT_IN)
    page = (ROOT / "docs" / "codecs.md").read_text(encoding="utf-8")
    for name, facts in BUILT_IN.items():
        assert about(name).sample_rate == facts.sample_rate
        ids = codec_range(name)
        assert (ids.sizes, ids.frame_rate, ids.align) == (
            facts.sizes,
            facts.frame_rate,
            facts.align,
        )
        assert f"| `{name}` | {facts.sample_rate / 1000:g} kHz | " in page


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("melvrq", "did you mean 'melrvq'"),
        ("opus", "one of melrvq, xcodec"),
    ],
)
def test_a_codec_that_there_is_not_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        load_codec(name, tmp_path)


@pytest.mark.parametrize("name", CODECS)
def test_weights_that_are_not_there_are_named_with_the_way_to_get_them(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(CodecError, match=r"fix: (get them: yue fetch|fit one: yue fit-codec)"):
        read_card(name, tmp_path / "nowhere")


@pytest.mark.parametrize(("saved", "wanted"), [("xcodec", "dac16k"), ("dac16k", "xcodec")])
def test_another_codecs_folder_is_refused(tmp_path: Path, saved: str, wanted: str) -> None:
    if saved == "xcodec":
        tiny.save_xcodec(tmp_path)
    else:
        tiny.save_dac(tmp_path, saved)
    with pytest.raises(CodecError, match="a model of type"):
        load_codec(wanted, tmp_path)


def test_a_card_reads_as_it_was_written(tmp_path: Path) -> None:
    CARD.write(tmp_path / "codec.json")
    assert CodecCard.read(tmp_path / "codec.json") == CARD
    assert CARD.hop == 512
    assert '"frame_rate": "11025/128"' in (tmp_path / "codec.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"name": "x", "digest": "", "sample_rate": 1e999}',
        '{"name": "x", "digest": "", "sample_rate": "?"}',
    ],
)
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "codec.json").write_text(text)
    with pytest.raises(CodecError, match="not a codec card"):
        CodecCard.read(tmp_path / "codec.json")


def test_codes_of_another_codec_are_refused() -> None:
    same_codec(CARD, replace(CARD, codebook_sizes=(1024,)))
    plugin = replace(CARD, codec="mine")  # takes the ids of CARD's codec
    for other in (replace(CARD, digest="abd"), replace(CARD, name="dac16k"), plugin):
        with pytest.raises(CodecError, match="tokenize again"):
            same_codec(CARD, other)


def test_cards_are_read_without_torch(tmp_path: Path) -> None:
    tiny.save_xcodec(tmp_path / "xcodec")
    tiny.save_dac(tmp_path / "dac16k", "dac16k")
    code = (
        "import sys; from pathlib import Path; from yue.codecs.registry import read_card\n"
        "for name in ('xcodec', 'dac16k'): read_card(name, Path(name))\n"
        "import yue.codecs.melrvq_fit, yue.stages.tokenize, yue.commands.tokenize\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
