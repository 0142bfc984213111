from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from yue.cli import main
from yue.codecs import registry
from yue.codecs.registry import codec_names, load_codec
from yue.errors import CodecError

MODULE = '''
from fractions import Fraction
from pathlib import Path

import numpy as np

from yue.codecs.about import About
from yue.codecs.base import Codec
from yue.codecs.card import CodecCard


class Levels(Codec):
    """A code is the loudest sample of a frame."""

    def _encode(self, audio):
        frames = np.abs(audio).reshape(len(audio), 1, -1, self.card.hop).max(axis=-1)
        return (1000 * np.minimum(frames, 1)).astype(int)

    def _decode(self, codes):
        return np.repeat(codes[0] / 1000, self.card.hop).astype(np.float32)


def about(name):
    return About("loudness", 16_000, "MIT", Path("nowhere"), "nothing")


def read_card(name, path, codebooks):
    return CodecCard("xcodec", "levels-1", 16_000, Fraction(50), (SIZE,))


def load(name, path, codebooks, device):
    return Levels(read_card(name, path, codebooks))
'''


_NUMBER = itertools.count()


def install(site: Path, module: str) -> None:
    """What pip leaves of a package: its module, and the metadata that names its entry point."""
    name = f"other_codecs_{next(_NUMBER)}"
    (site / f"{name}.py").write_text(module)
    info = site / "other_codecs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-codecs\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")
    (info / "entry_points.txt").write_text(f"[yue.codecs]\nlevels = {name}\nmelrvq = {name}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    registry._installed.cache_clear()
    yield folder
    registry._installed.cache_clear()


def test_an_installed_package_brings_a_codec(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, MODULE.replace("SIZE", "1024"))
    assert codec_names()[-1] == "levels"
    codec = load_codec("levels", tmp_path)
    assert codec.vocabulary.name == "xcodec"
    assert codec.encode(np.full((1, 640), 0.5, np.float32)).tolist() == [[[500, 500]]]
    assert main(["codecs"]) == 0
    assert "levels: loudness" in capsys.readouterr().out


def test_an_installed_codec_never_takes_the_place_of_one_of_ours(site: Path) -> None:
    install(site, MODULE)
    assert codec_names().count("melrvq") == 1
    assert registry.about("melrvq").summary.startswith("embedded")


def test_codes_that_the_vocabulary_has_no_ids_for_are_refused(site: Path, tmp_path: Path) -> None:
    install(site, MODULE.replace("SIZE", "1025"))
    with pytest.raises(CodecError, match="codebooks of 1025 codes"):
        load_codec("levels", tmp_path)


def test_a_package_that_cannot_be_imported_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "import a_package_that_there_is_not")
    with pytest.raises(CodecError, match=r"'levels' of other_codecs_\d cannot be imported"):
        load_codec("levels", tmp_path)
