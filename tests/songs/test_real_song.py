"""The real song that YuE itself ships, from its files to token documents."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yue.audio.converted_tracks import read_stems
from yue.codecs.melrvq_fit import fit
from yue.paths import Paths
from yue.recipe.model import Codec, Data
from yue.recipe.read import default_recipe
from yue.stages import convert, mmap, separate, songs, tokenize
from yue.tokens.megatron_files import info_path
from yue.tokens.pair_info import read_info


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return Paths(tmp_path)


def test_the_real_song_becomes_token_documents(golden: Path, paths: Paths) -> None:
    recipe = default_recipe()
    shutil.copytree(golden / "audio", paths.root / "songs")
    recipe = replace(
        recipe,
        data=Data("songs", 0.0),
        codec=Codec("melrvq", "codec", 8),
        tokens=replace(recipe.tokens, tokenizer=str(golden / "tokenizer.model")),
    )
    convert.main(recipe, paths)
    separate.main(recipe, paths)
    (song,) = read_stems(paths.stems / "stems.jsonl")
    assert (song.song_id, song.kind) == ("pop.00001", "stems")
    assert song.singing_share > 0.9  # it is sung nearly throughout
    vocal, band = (np.load(paths.work / path) for path in (song.vocal, song.instrumental))

    fit([vocal, band], codebooks=8, codebook_size=64).save(paths.root / "codec")
    tokenize.main(recipe, paths)
    songs.main(recipe, paths)
    (row,) = map(json.loads, paths.songs.read_text().splitlines())
    segments = row["splitted_lyrics"]["segmented_lyrics"]
    labels = [segment["line_content"].split("\n")[0] for segment in segments]
    assert labels == ["[verse]", "[chorus]", "[verse]", "[chorus]", "[bridge]", "[outro]"]
    assert segments[0]["codec_frame_start"] == 0
    assert segments[-1]["codec_frame_end"] == np.load(paths.work / row["vocals_codec"]).shape[1]

    mmap.main(recipe, paths)
    info = read_info(info_path(paths.tokens / "train"))
    assert (info.documents, info.rejected) == (1, ())


def test_no_singer_is_found_in_its_instrumental(golden: Path, paths: Paths) -> None:
    recipe = replace(default_recipe(), data=Data("songs", 0.9))
    audio, copy = golden / "audio", paths.root / "songs"
    copy.mkdir()
    shutil.copy(audio / "pop.00001.Instrumental.mp3", copy / "alone.Instrumental.mp3")
    shutil.copy(audio / "pop.00001.Instrumental.mp3", copy / "wrong.Vocals.mp3")
    shutil.copy(audio / "pop.00001.mp3", copy / "wrong.mp3")
    convert.main(recipe, paths)
    separate.main(recipe, paths)
    (song,) = read_stems(paths.stems / "stems.jsonl")
    assert (song.song_id, song.kind, song.singing) == ("alone", "instrumental", ())
    (entry,) = json.loads((paths.stems / "rejected.json").read_text())["rejected"]
    assert entry["what"] == "wrong.Vocals.mp3"
    assert "is named as a vocal" in entry["reason"]
