"""The demo's codec: melrvq, fitted to the songs that the base model is pretrained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from yue.codecs.melrvq import MelRvq
from yue.codecs.melrvq_fit import fit
from yue.demo.corpus import PRETRAINING, make_songs

_SONGS = len(PRETRAINING.styles)  # one of each is as good as all, in less time


def fit_codec(folder: Path, seed: int) -> MelRvq:
    """Fit and write the codec."""
    songs = make_songs(replace(PRETRAINING, count=_SONGS), seed)
    pairs = [song.tracks.normalised() for song in songs]
    codec = fit([track for pair in pairs for track in (pair.vocal, pair.instrumental)], seed=seed)
    codec.save(folder)
    return codec
