from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.generation.conftest import save_tokenizer
from yue.audio.converted_tracks import Stems, write_stems, write_tracks
from yue.cli import main
from yue.codecs import registry
from yue.codecs.registry import codec_names, load_codec
from yue.dataset.token_files import TokenFiles
from yue.errors import CodecError, RecipeError
from yue.files import write_json, write_jsonl
from yue.paths import Paths
from yue.recipe import problems, schema
from yue.recipe.read import read_recipe
from yue.rejections import Rejections, write_rejections
from yue.stages import mmap, tokenize
from yue.tokens.vocabulary import codec_range

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
    return CodecCard("xcodec", "levels-1", 16_000, Fraction(RATE), (SIZE,))


def load(name, path, codebooks, device):
    return Levels(read_card(name, path, codebooks))
'''


_NUMBER = itertools.count()


def install(site: Path, module: str = MODULE, *, size: int = 1024, rate: int = 50) -> str:
    """What pip leaves of a package: its module, and the metadata that names its entry point."""
    module = module.replace("SIZE", str(size)).replace("RATE", str(rate))
    name = f"other_codecs_{next(_NUMBER)}"
    (site / f"{name}.py").write_text(module)
    info = site / "other_codecs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-codecs\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")
    (info / "entry_points.txt").write_text(f"[yue.codecs]\nlevels = {name}\nmelrvq = {name}\n")
    return name


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    forget_packages()
    yield folder
    monkeypatch.undo()
    forget_packages()


def forget_packages() -> None:
    """What is installed is looked up once in a process."""
    for found in (
        registry.installed,
        schema.schema,
        schema.sections,
        schema.keys,
        schema.keys_by_path,
        problems._validator,
    ):
        found.cache_clear()


def test_an_installed_package_brings_a_codec(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site)
    assert codec_names()[-1] == "levels"
    codec = load_codec("levels", tmp_path)
    assert codec.vocabulary.name == "xcodec"
    assert codec.encode(np.full((1, 640), 0.5, np.float32)).tolist() == [[[500, 500]]]
    assert main(["codecs"]) == 0
    assert "levels: loudness" in capsys.readouterr().out


def test_an_installed_codec_never_takes_the_place_of_one_of_ours(site: Path) -> None:
    install(site)
    assert codec_names().count("melrvq") == 1
    assert registry.about("melrvq").summary.startswith("embedded")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"size": 1025}, "levels has codebooks of 1025 codes"),
        ({"rate": 25}, "levels has 25 frames a second, the ids of xcodec are for 50"),
    ],
)
def test_codes_that_the_vocabulary_has_no_ids_for_are_refused(
    site: Path, tmp_path: Path, shape: dict[str, int], message: str
) -> None:
    install(site, **shape)
    with pytest.raises(CodecError, match=message):
        registry.read_card("levels", tmp_path)


def write_recipe(site: Path, codec: str) -> Path:
    """The demo's recipe with another codec."""
    text = (ROOT / "params.yaml").read_text()
    for old, new in (("name: melrvq", f"name: {codec}"), ("codebooks: 8", "codebooks: 1")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = site.parent / "params.yaml"
    path.write_text(text)
    return path


def test_a_recipe_takes_an_installed_codec_without_running_it(site: Path) -> None:
    module = install(site)
    assert read_recipe(write_recipe(site, "levels")).codec.name == "levels"
    with pytest.raises(RecipeError, match=r"melrvq, levels(.|\n)*did you mean 'levels'"):
        read_recipe(write_recipe(site, "levls"))
    assert module not in sys.modules


def test_a_song_becomes_a_document_of_an_installed_codec_and_comes_back(site: Path) -> None:
    install(site)
    paths = Paths(site.parent)
    recipe = read_recipe(write_recipe(site, "levels"))
    tokenizer = paths.root / recipe.tokens.tokenizer
    tokenizer.parent.mkdir(parents=True)
    save_tokenizer(tokenizer.parent)
    audio = np.repeat(np.linspace(0, 0.9, 200), 320).astype(np.float32)
    names = ("audio/vocal.npy", "audio/instrumental.npy")
    paths.audio.mkdir(parents=True)
    for name, gain in zip(names, (1, -0.5), strict=True):
        np.save(paths.work / name, gain * audio)
    write_tracks(paths.audio / "audio.jsonl", [])
    song = Stems("song", *names, None, 16_000, len(audio), 4.0, "stems", (), 0.0)
    write_stems(paths.stems / "stems.jsonl", [song])
    write_rejections(paths.stems / "rejected.json", Rejections(1))
    write_rejections(paths.data_report, Rejections(1))
    assert "1 codebook of levels" in tokenize.main(recipe, paths).made

    section = {"offset": 0, "duration": 4, "codec_frame_start": 0, "codec_frame_end": 200}
    row = {
        "id": "song",
        "audio_length_in_sec": 4,
        "genres": "steps",
        "vocals_codec": "codes/song.vocal.npy",
        "instrumental_codec": "codes/song.instrumental.npy",
        "splitted_lyrics": {"segmented_lyrics": [{**section, "line_content": "[verse]\nup\n"}]},
    }
    write_jsonl(paths.songs, [row])
    write_json(paths.split, {"train": ["song"], "valid": [], "test": []})
    mmap.main(recipe, paths)

    files = TokenFiles.open(paths.tokens / "train")
    ids = codec_range("xcodec").first(1)
    tokens = files.raw_document(0)
    codes = tokens[(tokens >= ids.offset) & (tokens < ids.end)] - ids.offset
    decoded = load_codec("levels", paths.root).decode(codes[np.newaxis, 0::2])
    np.testing.assert_allclose(decoded, audio, atol=1e-3)
    np.testing.assert_allclose(codes[1::2], codes[0::2] / 2, atol=1)
    write_json(paths.codes / "codec.json", {"name": "xcodec", "digest": "x", "codebooks": 1})
    with pytest.raises(CodecError, match="are of codec 'xcodec', the recipe's codec is 'levels'"):
        mmap.main(recipe, paths)


def test_a_package_that_cannot_be_imported_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "import a_package_that_there_is_not")
    with pytest.raises(CodecError, match=r"'levels' of other_codecs_\d cannot be imported"):
        load_codec("levels", tmp_path)
