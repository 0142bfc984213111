"""A song with a mixture only is separated: by a small model of the class of the real one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchaudio.models import HDemucs
from torchaudio.pipelines import HDEMUCS_HIGH_MUSDB_PLUS

from tests.audio.conftest import RATE, convert_settings, music, write
from yue.audio import separator as separator_module
from yue.audio import vocal_estimates
from yue.audio.converted_tracks import Stems, read_stems
from yue.audio.separator import SAMPLE_RATE, Separator, load_separator, vocal_blocks, write_vocal
from yue.errors import AudioError
from yue.paths import Paths
from yue.recipe.model import Data, Recipe, Runtime, Separate
from yue.recipe.read import default_recipe
from yue.stages import convert, separate


class Quarter(torch.nn.Module):
    """Hears a quarter of everything as the vocal, source 1 of 2."""

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.75 * mix, 0.25 * mix], dim=1)


def quarter(chunk: int) -> Separator:
    return Separator(Quarter(), vocal=1, chunk=chunk, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the file of the bundle: the tensors of an HDemucs, here with 4 channels instead of 48."""
    torch.manual_seed(0)
    model = HDemucs(["drums", "bass", "other", "vocals"], channels=4, nfft=4096, depth=6)
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize("length", [1, 999, 1000, 1001, 1750, 1751, 9_999])
def test_chunks_join_without_a_seam(length: int) -> None:
    mix = np.random.default_rng(0).normal(0.01, 0.1, (length, 2)).astype(np.float32)
    blocks = list(vocal_blocks(mix, quarter(1000)))
    np.testing.assert_allclose(np.concatenate(blocks), 0.25 * mix.mean(axis=1) + 0.75 * mix.mean(),
                               atol=2e-6)  # fmt: skip
    assert all(len(block) <= 1000 for block in blocks)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (22_050, 6)])
def test_the_vocal_lies_where_it_lies_in_the_file(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.repeat(music(2, rate)[:, None], channels, axis=1)
    path = write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    write_vocal(path, "a.wav", quarter(SAMPLE_RATE), RATE, "sinc_hann", tmp_path / "v.npy")
    vocal = np.load(tmp_path / "v.npy")
    wanted = 0.25 * music(2, RATE)
    assert abs(len(vocal) - len(wanted)) <= 1
    inside = slice(400, len(wanted) - 400)
    assert np.corrcoef(vocal[inside], wanted[inside])[0, 1] > 0.998
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "v.npy"]


def test_the_size_of_a_model_is_read_off_its_tensors(weights: Path) -> None:
    separator = load_separator(weights, "cpu")
    wanted = torch.load(weights, weights_only=True)
    state = separator.model.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)
    assert not separator.model.training
    assert separator.vocal == 3


def test_the_real_bundle_s_model_is_what_its_tensors_ask_for(tmp_path: Path) -> None:
    bundle = HDEMUCS_HIGH_MUSDB_PLUS
    with torch.device("meta"):
        real = bundle._model_factory_func()
    sizes = separator_module._sizes(real.state_dict())
    assert sizes == {"channels": 48, "depth": 6, "nfft": 4096}
    assert (real.sources, bundle.sample_rate) == (separator_module._SOURCES, SAMPLE_RATE)


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("evil-was-here"),))


def test_what_is_no_model_is_named_and_never_run(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = torch.load(weights, weights_only=True)
    torch.save({**state, "evil": _Evil()}, tmp_path / "evil.pt")
    torch.save(dict(list(state.items())[:-1]), tmp_path / "part.pt")
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:10_000])
    (tmp_path / "text.pt").write_text("weights")
    for name in ("evil", "part", "cut", "text"):
        with pytest.raises(AudioError, match="not weights of torchaudio's HDemucs") as caught:
            load_separator(tmp_path / f"{name}.pt", "cpu")
        assert "models/separator/README.md" in caught.value.fix
    assert not (tmp_path / "evil-was-here").exists()


def test_demucs_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "demucs.hf", None)
    with pytest.raises(AudioError, match="needs the package demucs") as caught:
        load_separator(tmp_path / "a.safetensors", "cpu")
    assert caught.value.fix == "pip install 'yue[demucs]'"


def test_a_demucs_file_that_names_another_class_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("demucs")
    from safetensors.torch import save_file

    metadata = {"klass": "os.system", "args": '["touch evil"]', "kwargs": "{}"}
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(AudioError, match="its class is"):
        load_separator(tmp_path / "a.safetensors", "cpu")


def test_a_small_htdemucs_is_loaded_from_its_file(tmp_path: Path) -> None:
    demucs = pytest.importorskip("demucs.htdemucs")
    from safetensors.torch import save_file

    size = {"channels": 8, "segment": 2, "depth": 4, "t_layers": 1, "t_heads": 2}
    model = demucs.HTDemucs(["drums", "bass", "other", "vocals"], **size).eval()
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "kwargs": json.dumps(size),
                "args": '[["drums", "bass", "other", "vocals"]]'}  # fmt: skip
    save_file(model.state_dict(), tmp_path / "a.safetensors", metadata)
    separator = load_separator(tmp_path / "a.safetensors", "cpu")
    mix = np.random.default_rng(0).normal(0, 0.1, (5 * SAMPLE_RATE, 2)).astype(np.float32)
    assert len(np.concatenate(list(vocal_blocks(mix, separator)))) == len(mix)


def recipe(weights: Path, *, threshold: float = -60.0, **settings: object) -> Recipe:
    return replace(
        default_recipe(),
        data=Data("songs", 0.9),
        convert=convert_settings(trim_silence=True, min_segment_length=0.3, **settings),
        separate=Separate("separate", str(weights), threshold),
        runtime=Runtime(workers=1, device="cpu"),
    )


def stems(paths: Paths) -> dict[str, Stems]:
    return {song.song_id: song for song in read_stems(paths.stems / "stems.jsonl")}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A project with a mixture that begins with silence, and a song that has its stems."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    # Half a second at once: a test need not fill ten.
    monkeypatch.setattr(separator_module, "_HDEMUCS_CHUNK", SAMPLE_RATE // 2)
    quiet = np.zeros(RATE // 2, np.float32)
    write(tmp_path / "songs" / "mix.flac", np.concatenate([quiet, music(0.8)]))
    write(tmp_path / "songs" / "pair.Vocals.wav", music(1.5, seed=1))
    write(tmp_path / "songs" / "pair.Instrumental.wav", music(1.5, seed=2))
    return Paths(tmp_path)


@pytest.mark.long
def test_a_mixture_becomes_a_pair_and_is_separated_once(paths: Paths, weights: Path) -> None:
    asked = recipe(weights)
    convert.main(asked, paths)
    assert separate.main(asked, paths).made.startswith("2 songs (0 from the store, 2 new)")
    song = stems(paths)["mix"]
    assert (song.kind, song.mixture) == ("stems", "audio/mix.mixture.npy")
    vocal, rest, mix = (
        np.load(paths.work / path) for path in (song.vocal, song.instrumental, song.mixture or "")
    )
    assert vocal.shape == rest.shape == mix.shape == (song.samples,)
    np.testing.assert_allclose(vocal + rest, mix, atol=1e-6)
    # The stem is what the model hears in the file at that place, with the song's gain.
    write_vocal(paths.root / "songs" / "mix.flac", "mix", load_separator(weights, "cpu"), RATE,
                "sinc_hann", paths.root / "v.npy")  # fmt: skip
    start, gain = round(0.45 * RATE), 0.95 / np.abs(music(0.8)).max()
    np.testing.assert_allclose(vocal, np.load(paths.root / "v.npy")[start:] * gain, atol=2e-4)
    # Again: from the store. With another threshold the model is not asked again.
    before = (paths.stems / "stems.jsonl").read_bytes()
    assert "(2 from the store, 0 new)" in separate.main(asked, paths).made
    assert (paths.stems / "stems.jsonl").read_bytes() == before
    Path(weights).rename(weights.with_suffix(".away"))
    try:
        with pytest.raises(AudioError, match="no weights to separate with") as caught:
            separate.main(asked, paths)
        assert "models/separator/README.md" in caught.value.fix
    finally:
        weights.with_suffix(".away").rename(weights)


@pytest.mark.long
def test_pieces_of_a_song_share_one_separation_and_other_weights_make_another(
    paths: Paths, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        vocal_estimates,
        "write_vocal",
        lambda *args: (calls.append(args[1]), write_vocal(*args)),
    )
    asked = recipe(weights, segment_length=0.4)
    convert.main(asked, paths)
    separate.main(asked, paths)
    assert calls == ["mix.flac"]
    pieces = [song for name, song in sorted(stems(paths).items()) if name.startswith("mix#")]
    assert len(pieces) == 2
    for song in pieces:
        pair = [np.load(paths.work / path) for path in (song.vocal, song.instrumental)]
        np.testing.assert_allclose(sum(pair), np.load(paths.work / (song.mixture or "")), atol=1e-6)
    torch.manual_seed(1)
    model = HDemucs(["drums", "bass", "other", "vocals"], channels=4, nfft=4096, depth=6)
    torch.save(model.state_dict(), paths.root / "other.pt")
    separate.main(recipe(paths.root / "other.pt", segment_length=0.4), paths)
    assert calls == ["mix.flac"] * 2


@pytest.mark.long
def test_where_the_separator_finds_no_singing_the_song_is_instrumental(
    paths: Paths, weights: Path
) -> None:
    asked = recipe(weights, threshold=0.0)
    convert.main(asked, paths)
    separate.main(asked, paths)
    song = stems(paths)["mix"]
    assert (song.kind, song.instrumental, song.singing) == ("instrumental", song.mixture, ())
    assert not np.load(paths.work / song.vocal).any()


def test_a_file_that_has_been_damaged_since_is_rejected_by_name(
    paths: Paths, weights: Path
) -> None:
    asked = recipe(weights)
    convert.main(asked, paths)
    (paths.root / "songs" / "mix.flac").write_text("gone")
    separate.main(asked, paths)
    rejected = json.loads((paths.stems / "rejected.json").read_text())["rejected"]
    assert [(entry["what"], entry["song_id"]) for entry in rejected] == [("mix.flac", "mix")]
