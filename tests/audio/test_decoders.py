"""What FFmpeg reads comes in whole and at its place; what is damaged is named and refused."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.audio.conftest import music, read, refusal
from yue.audio.decoders import Samples

TONE = music(3, 44_100)


def encode(
    path: Path, codec: str, samples: Samples, rate: int = 44_100, container: str | None = None
) -> Path:
    """A file made by PyAV; ``samples`` is (samples,) or (samples, 2)."""
    channels = np.atleast_2d(samples.T)
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 192_000
        stream.open()
        convert = av.AudioResampler(
            stream.format, layout, rate, frame_size=stream.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), "fltp", layout)
        frame.rate, frame.pts = rate, 0
        for part in convert.resample(frame) + convert.resample(None):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "tolerance"),
    [
        ("a.m4a", "aac", 0.05),
        ("a.m4a", "alac", 1e-4),
        ("a.mp4", "aac", 0.05),
        ("a.mov", "pcm_s16le", 1e-4),
        ("a.mka", "flac", 1e-4),
        ("a.wv", "wavpack", 1e-2),
    ],
)
def test_a_container_gives_the_samples_back_at_their_place(
    tmp_path: Path, name: str, codec: str, tolerance: float
) -> None:
    samples = read(encode(tmp_path / name, codec, TONE))
    assert samples.shape == (len(TONE), 1)
    assert samples.dtype == np.float32
    # A delay of one sample would be far above the tolerance, as would swapped planes.
    assert np.abs(samples[:, 0] - TONE)[2048:-2048].max() <= tolerance


def test_channels_stay_apart(tmp_path: Path) -> None:
    stereo = np.stack([TONE, 0.5 * music(3, 44_100, seed=5)], axis=1)
    samples = read(encode(tmp_path / "a.m4a", "alac", stereo))
    np.testing.assert_allclose(samples, stereo, atol=1e-4)


def test_webm_is_read_at_its_own_rate(tmp_path: Path) -> None:
    tone = music(3, 48_000)
    samples = read(encode(tmp_path / "a.webm", "libopus", tone, 48_000))
    assert samples.shape == (len(tone), 1)
    assert np.corrcoef(samples[:, 0], tone)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("a.wma", "wmav2", "asf"), ("a.aac", "aac", "adts"), ("a.ac3", "ac3", None)],
)
def test_what_has_no_account_of_its_delay_is_read_with_it(
    tmp_path: Path, name: str, codec: str, container: str | None
) -> None:
    samples = read(encode(tmp_path / name, codec, np.stack([TONE, TONE], 1), container=container))
    size = 2 * len(samples)
    spectrum = np.fft.rfft(samples[:, 0], size) * np.conj(np.fft.rfft(TONE, size))
    delay = (int(np.argmax(np.fft.irfft(spectrum))) + len(samples)) % size - len(samples)
    assert abs(delay) < 4096  # FFmpeg's own wma encoder loses its first frame
    kept = samples[max(0, delay) :, 0]
    source = TONE[max(0, -delay) :][: len(kept)]
    assert len(source) > len(TONE) - 4096
    assert np.corrcoef(kept[: len(source)], source)[0, 1] > 0.98


def test_an_m4a_is_known_whatever_its_name(tmp_path: Path) -> None:
    right = encode(tmp_path / "a.m4a", "aac", TONE)
    wrong = right.with_suffix(".mp3")
    wrong.write_bytes(right.read_bytes())
    np.testing.assert_array_equal(read(wrong), read(right))


@pytest.mark.parametrize("share", [0.4, 0.8])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.mka", "flac"), ("a.wma", "wmav2")]
)
def test_a_file_that_was_cut_off_is_refused(
    tmp_path: Path, name: str, codec: str, share: float
) -> None:
    path = encode(tmp_path / name, codec, np.stack([TONE, TONE], 1), container=
                  "asf" if name.endswith("wma") else None)  # fmt: skip
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refusal(path)


@pytest.mark.parametrize("name", ["a.m4a", "a.mp4", "a.wma", "a.aac", "a.ape", "a.ac3", "a.mkv"])
@pytest.mark.parametrize("content", [b"la la la\n" * 500, b"\0" * 100, b"", "noise"])
def test_what_is_no_media_is_refused_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes | str
) -> None:
    if isinstance(content, str):
        content = np.random.default_rng(0).bytes(30_000)
    (tmp_path / name).write_bytes(content)
    refusal(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for number in range(5):
            image = np.full((32, 32, 3), number * 40, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(stream.encode(None))
    assert "no audio in it" in refusal(path).why


def test_a_playlist_in_disguise_opens_nothing_else(tmp_path: Path) -> None:
    encode(tmp_path / "secret.m4a", "aac", TONE)
    (tmp_path / "a.m4a").write_text(f"ffconcat version 1.0\nfile '{tmp_path}/secret.m4a'\n")
    refusal(tmp_path / "a.m4a")
    (tmp_path / "b.m4a").write_text(
        "#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:9/a.aac\n#EXT-X-ENDLIST\n"
    )
    refusal(tmp_path / "b.m4a")
