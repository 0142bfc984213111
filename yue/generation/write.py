"""The files of one sample: WAV tracks, codes, and the record that describes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yue.files import atomic_file, safe_name, write_array
from yue.generation.decode import Codes, Tracks, decode_lanes, mix_tracks, write_wav
from yue.generation.records import Sample, SampleSection
from yue.generation.song import SectionLimits, SungSong
from yue.generation.source import SongSource, recorded_audio, recorded_codes
from yue.generation.statistics import track_statistics

if TYPE_CHECKING:
    from yue.codecs.base import Codec
    from yue.codecs.vocos import Upsampler


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
        self, source: SongSource, model: str, song: SungSong, codes: dict[str, Codes], seed: int
    ) -> Sample:
        """Decode and write a generated song.

        Args:
            source: The song that gave the prompt.
            model: "base" or "tuned".
            song: What stage 1 made.
            codes: "vocal" and "instrumental", (K, frames): of stage 1, or what stage 2 made of it.
            seed: Of the song's random numbers.
        """
        rate = self._codec.frame_rate
        records = tuple(
            SampleSection(text, round(float(section.frames / rate), 6), section.ended)
            for text, section in zip(source.line_contents, song.sections, strict=False)
        )
        sample = self._coded(source, model, codes, records, seed)
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
        samples.append(self._coded(source, "roundtrip", codes, records, None))
        return samples

    def _coded(
        self,
        source: SongSource,
        model: str,
        codes: dict[str, Codes],
        records: tuple[SampleSection, ...],
        seed: int | None,
    ) -> Sample:
        tracks = decode_lanes(self._codec, codes["vocal"], codes["instrumental"], self._upsampler)
        rate = (self._upsampler or self._codec).sample_rate
        return self._write(source, model, tracks, rate, records, codes, seed)

    def _write(
        self,
        source: SongSource,
        model: str,
        tracks: Tracks,
        sample_rate: int,
        records: tuple[SampleSection, ...],
        codes: dict[str, Codes],
        seed: int | None,
    ) -> Sample:
        name = f"{safe_name(source.song_id)}.{model}"
        audio = {
            "vocal": tracks.vocal,
            "instrumental": tracks.instrumental,
            "mix": tracks.mix,
        }
        files = {track: f"{name}.{track}.wav" for track in audio}
        for track, samples in audio.items():
            write_wav(self._folder / files[track], samples, sample_rate)
        if codes:
            with atomic_file(self._folder / f"{name}.codes.npz") as stream:
                np.savez(stream, vocal=codes["vocal"], instrumental=codes["instrumental"])
        return Sample(
            name=name,
            model=model,
            song_id=source.song_id,
            split=source.split,
            genres=source.genres,
            lyrics="".join(source.line_contents),
            seed=seed,
            seconds=round(tracks.mix.size / sample_rate, 6),
            sample_rate=sample_rate,
            files=files,
            codes=f"{name}.codes.npz" if codes else None,
            sections=records,
            statistics={
                track: track_statistics(
                    samples,
                    sample_rate,
                    codes[track][0] if track in codes else None,
                    self._codec.frame_rate,
                )
                for track, samples in audio.items()
            },
        )
