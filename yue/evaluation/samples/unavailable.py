"""What is usual to measure and needs a model that this project does not bring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """A metric that was not computed.

    Attributes:
        name: As it is known.
        says: What it would say.
        needs: What it needs.
        how: How to get it.
    """

    name: str
    says: str
    needs: str
    how: str


UNAVAILABLE = (
    Unavailable(
        "FAD",
        "how far the samples' sound is from that of real songs, to a listening model",
        "an embedding model (VGGish, CLAP or MERT) and a folder of reference songs",
        "pip install fadtk; mkdir tuned; cp work/samples/*.tuned.mix.wav tuned/; "
        "fadtk clap-laion-music REFERENCE_FOLDER tuned (work/samples itself holds recordings and "
        "the base model's samples too); the same with *.base.mix.wav, to compare",
    ),
    Unavailable(
        "CLAP score",
        "whether the samples sound like their genre tags",
        "a CLAP model, such as laion/larger_clap_music",
        "pip install laion-clap; compare the embedding of each mix.wav with that of its genres in "
        "samples.json",
    ),
    Unavailable(
        "Lyrics WER",
        "whether the words that are sung are those of the lyrics",
        "a speech recogniser, such as Whisper large-v3",
        "pip install openai-whisper jiwer; transcribe each vocal.wav, and the recording's too: its "
        "error rate is the least that a sample can have",
    ),
)
"""Told in the report, so that what is missing is known to be missing."""
