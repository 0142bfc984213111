"""The files of one sample: WAV tracks that never clip, codes, and the record of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yue.files import atomic_file, safe_name, write_array
from yue.generation.prompt_songs import SongSource, recorded_audio, recorded_codes
from yue.generation.sample_records import Sample, SampleSection, track_statistics
from yue.generation.song_state import Codes, GeneratedSong, SectionLimits

if TYPE_CHECKING:
    from yue.codecs.base import Codec
    from yue.codecs.vocos import Upsampler

Audio = NDArray[np.float32]

_FULL_SCALE = 32767
# Players that resample or compress add a little to a peak.
_CEILING = 0.98


def mix_tracks(vocal: Audio, instrumental: Audio, mix: Audio | None = None) -> dict[str, Audio]:
    """Join "vocal", "instrumental" and "mix", cut to the shortest, each (samples,) in [-1, 1].

    The mix is the sum of the others unless it is given. Where one of them would clip, one gain for
    all of them keeps their balance.
    """
    whole = [vocal, instrumental] if mix is None else [vocal, instrumental, mix]
    samples = min(track.size for track in whole)
    tracks = np.stack([track[:samples] for track in whole])
    if mix is None:
        tracks = np.concatenate([tracks, tracks.sum(0, keepdims=True)])
    peak = float(np.abs(tracks).max(initial=0.0))
    if peak > _CEILING:
        tracks *= np.float32(_CEILING / peak)
    return dict(zip(("vocal", "instrumental", "mix"), tracks, strict=True))


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    """Write (samples,) as 16-bit PCM, mono; whole or not at all."""
    import soundfile

    pcm = np.rint(audio * np.float32(_FULL_SCALE)).astype(np.int16)
    with atomic_file(path) as stream:
        soundfile.write(stream, pcm, sample_rate, format="WAV", subtype="PCM_16")


class SampleWriter:
    """Turns codes and recordings into WAV files and their records.

    Args:
        folder: Where the files go; it exists.
        codec: Decodes the codes.
        upsampler: Decodes them in its place, at its own rate.
    """

    def __init__(self, folder: Path, codec: Codec, upsampler: Upsampler | None = None) -> None:
        self._folder, self._codec, self._upsampler = folder, codec, upsampler

    def generated(
        self, source: SongSource, model: str, song: GeneratedSong, codes: dict[str, Codes]
    ) -> Sample:
        """Decode and write a generated song.

        Args:
            source: The song that gave the prompt.
            model: "base" or "tuned".
            song: What stage 1 made.
            codes: "vocal" and "instrumental", (K, frames): of stage 1, or what stage 2 made of it.
        """
        rate = self._codec.frame_rate
        records = tuple(
            SampleSection(text, round(float(section.frames / rate), 6), section.ended)
            for text, section in zip(source.line_contents, song.sections, strict=False)
        )
        sample = self._decode(source, model, codes, records, song.prompt.seed)
        tokens = f"{sample.name}.tokens.npy"
        with atomic_file(self._folder / tokens) as stream:
            write_array(stream, song.tokens)
        return replace(sample, tokens=tokens)

    def references(
        self, source: SongSource, limits: SectionLimits, sections: int, codebooks: int
    ) -> list[Sample]:
        """Write the recording and its codec round trip for the sections that are generated.

        Args:
            source: The song.
            limits: A section ends here, as generated ones do.
            sections: How many of them.
            codebooks: How many the round trip goes through: those that generated songs have.
        """
        recording = source.recording
        if recording is None:
            return []
        step = self._codec.align
        starts = [(first // step * step, end // step * step) for first, end in source.frames]
        spans = [(first, min(end, first + limits.max_frames)) for first, end in starts[:sections]]
        rate = self._codec.frame_rate
        records = tuple(
            SampleSection(text, round(float((end - first) / rate), 6), None)
            for text, (first, end) in zip(source.line_contents, spans, strict=False)
        )
        samples = []
        audio = recorded_audio(recording, [(float(a / rate), float(b / rate)) for a, b in spans])
        if {"vocal", "instrumental"} <= set(audio):
            tracks = mix_tracks(audio["vocal"], audio["instrumental"], audio.get("mixture"))
            samples.append(
                self._write(source, "original", tracks, recording.sample_rate, records, {}, None)
            )
        codes = recorded_codes(recording, spans, codebooks)
        samples.append(self._decode(source, "roundtrip", codes, records, None))
        return samples

    def _decode(
        self,
        source: SongSource,
        model: str,
        codes: dict[str, Codes],
        records: tuple[SampleSection, ...],
        seed: int | None,
    ) -> Sample:
        vocal, instrumental = codes["vocal"], codes["instrumental"]
        rate = (self._upsampler or self._codec).sample_rate
        if self._upsampler is None:
            tracks = mix_tracks(self._codec.decode(vocal), self._codec.decode(instrumental))
        else:
            high = self._upsampler.decode(vocal, instrumental)
            tracks = mix_tracks(high.vocal, high.instrumental, high.mix)
        return self._write(source, model, tracks, rate, records, codes, seed)

    def _write(
        self,
        source: SongSource,
        model: str,
        tracks: dict[str, Audio],
        sample_rate: int,
        records: tuple[SampleSection, ...],
        codes: dict[str, Codes],
        seed: int | None,
    ) -> Sample:
        name = f"{safe_name(source.song_id)}.{model}"
        files = {track: f"{name}.{track}.wav" for track in tracks}
        for track, audio in tracks.items():
            write_wav(self._folder / files[track], audio, sample_rate)
        if codes:
            with atomic_file(self._folder / f"{name}.codes.npz") as stream:
                np.savez(stream, vocal=codes["vocal"], instrumental=codes["instrumental"])
        rate = self._codec.frame_rate
        return Sample(
            name=name,
            model=model,
            song_id=source.song_id,
            split=source.split,
            genres=source.genres,
            lyrics="".join(source.line_contents),
            seed=seed,
            seconds=round(tracks["mix"].size / sample_rate, 6),
            sample_rate=sample_rate,
            files=files,
            codes=f"{name}.codes.npz" if codes else None,
            sections=records,
            statistics={
                track: track_statistics(
                    audio, sample_rate, codes[track][0] if track in codes else None, rate
                )
                for track, audio in tracks.items()
            },
        )
