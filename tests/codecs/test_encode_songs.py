from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.codecs.conftest import RATE
from yue.audio.converted_tracks import ConvertedTrack, Stems, write_stems, write_tracks
from yue.codecs.audio_tracks import (
    SongTracks,
    TrackFile,
    check_codes_folder,
    folder_songs,
    project_songs,
)
from yue.codecs.base import Audio
from yue.codecs.card import CodecCard
from yue.codecs.encode_songs import Encoded, describe_codes, encode_songs, tokenize_songs
from yue.codecs.melrvq import MelRvq
from yue.codecs.registry import CodecChoice, load_codec
from yue.errors import CodecError, UsageError
from yue.files import read_jsonl
from yue.store import Store


def row(song_id: str, role: str, path: str, samples: int, digest: str) -> ConvertedTrack:
    return ConvertedTrack(
        song_id, role, path, "song.wav", RATE, samples, samples / RATE,
        0.0, 0.0, 0.8, -20.0, None, 0.0, 0.0, 0.0, digest,
    )  # fmt: skip


@pytest.fixture
def work(tmp_path: Path, tracks: Sequence[Audio]) -> Path:
    """The work folder of a project: three pairs, one of them with a mixture."""
    folder = tmp_path / "work"
    (folder / "audio").mkdir(parents=True)
    rows, songs = [], []
    for number, song_id in enumerate(("a", "b/c", "d")):
        samples = RATE * 2 + 100 * number
        paths = {}
        for role in ("vocal", "instrumental", *(["mixture"] if number == 0 else [])):
            paths[role] = f"audio/{number}.{role}.npy"
            audio = tracks[role != "vocal"][number * RATE : number * RATE + samples]
            np.save(folder / paths[role], audio)
            rows.append(row(song_id, role, paths[role], samples, f"digest-{number}"))
        songs.append(
            Stems(
                song_id, paths["vocal"], paths["instrumental"], paths.get("mixture"),
                RATE, samples, samples / RATE, "stems", (), 0.0,
            )
        )  # fmt: skip
    write_tracks(folder / "audio" / "audio.jsonl", rows)
    write_stems(folder / "stems" / "stems.jsonl", songs)
    return folder


@pytest.fixture
def encode(work: Path, melrvq: MelRvq, tmp_path: Path) -> Callable[..., Encoded]:
    """Encode the project into a new folder."""

    def run(
        name: str,
        songs: Sequence[SongTracks] | None = None,
        store: Store | None = None,
        workers: int = 2,
        card: CodecCard = melrvq.card,
        load: Callable[[], list[MelRvq]] = lambda: [melrvq],
    ) -> Encoded:
        (tmp_path / name).mkdir()
        return encode_songs(
            project_songs(work) if songs is None else songs,
            card, load, tmp_path / name, prefix="codes", store=store, workers=workers,
        )  # fmt: skip

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def never() -> list[MelRvq]:
    raise AssertionError("the codec was loaded")


def test_every_track_has_codes_and_a_songs_tracks_are_equally_long(
    encode: Callable[..., Encoded], melrvq: MelRvq, work: Path, tmp_path: Path
) -> None:
    done = encode("codes")
    assert (done.songs, done.tracks, done.reused, done.rejected) == (3, 7, 0, ())
    rows = read_jsonl(tmp_path / "codes" / "codes.jsonl")
    assert [(r["song_id"], r["role"]) for r in rows] == sorted(
        (r["song_id"], r["role"]) for r in rows
    )
    for r in rows:
        codes = np.load(tmp_path / r["path"], allow_pickle=False)
        assert codes.dtype == np.int16
        assert codes.shape == (8, r["frames"])
        assert r["frames"] == -(-(RATE * 2 + 100 * ["a", "b/c", "d"].index(r["song_id"])) // 320)
    vocal = np.load(work / "audio" / "1.vocal.npy")
    np.testing.assert_array_equal(
        np.load(tmp_path / "codes" / "b%2Fc.vocal.npy"), melrvq.encode(vocal[np.newaxis])[0]
    )
    assert CodecCard.read(tmp_path / "codes" / "codec.json") == melrvq.card


def test_the_output_does_not_depend_on_workers_or_on_the_store(
    encode: Callable[..., Encoded], tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    encode("plain", workers=1)
    encode("many", workers=4)
    encode("stored", store=store)
    again = encode("restored", store=store, load=never)
    assert again.reused == 3
    expected = contents(tmp_path / "plain")
    for name in ("many", "stored", "restored"):
        assert contents(tmp_path / name) == expected


def test_one_changed_song_is_one_songs_work(
    encode: Callable[..., Encoded], work: Path, melrvq: MelRvq, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    encode("first", store=store)
    table = work / "audio" / "audio.jsonl"
    table.write_text(table.read_text().replace("digest-1", "digest-new"))
    done = encode("second", store=store)
    assert done.reused == 2
    assert "3 songs (2 from the store, 1 encoded)" in describe_codes(done, melrvq.card)


def test_another_codec_or_number_of_codebooks_is_encoded_and_back_again_is_not(
    encode: Callable[..., Encoded], melrvq: MelRvq, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    melrvq.save(tmp_path / "codec")
    two = load_codec("melrvq", tmp_path / "codec", codebooks=2)
    assert encode("eight", store=store).reused == 0
    assert encode("two", store=store, card=two.card, load=lambda: [two]).reused == 0
    assert encode("eight again", store=store, load=never).reused == 3


def test_a_track_without_a_digest_is_known_by_its_bytes(
    encode: Callable[..., Encoded], work: Path, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    songs = [SongTracks("x", RATE, None, (TrackFile("vocal", work / "audio" / "0.vocal.npy"),))]
    encode("first", songs, store)
    assert encode("second", songs, store, load=never).reused == 1
    np.save(work / "audio" / "0.vocal.npy", np.zeros(RATE, np.float32))
    assert encode("third", songs, store).reused == 0


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: np.save(path, np.full(RATE * 2, np.nan, np.float32)), "not finite"),
        (lambda path: np.save(path, np.zeros(RATE * 2)), "float64"),
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "cannot be read"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_a_bad_song_is_left_out_with_its_reason_and_the_others_are_kept(
    encode: Callable[..., Encoded], work: Path, tmp_path: Path, damage, reason: str
) -> None:
    damage(work / "audio" / "1.vocal.npy")
    store = Store(tmp_path / "store")
    done = encode("codes", store=store)
    assert done.songs == 2
    [entry] = done.rejected
    assert entry.song_id == "b/c"
    assert reason in entry.reason
    assert {r["song_id"] for r in read_jsonl(tmp_path / "codes" / "codes.jsonl")} == {"a", "d"}
    assert encode("again", store=store).reused == 2  # nothing of the bad one was kept


def test_songs_at_another_rate_are_refused_with_the_key_to_set(
    encode: Callable[..., Encoded], work: Path
) -> None:
    table = work / "stems" / "stems.jsonl"
    table.write_text(table.read_text().replace('"sample_rate": 16000', '"sample_rate": 44100'))
    done = encode("codes")
    assert done.songs == 0
    assert all("44100 Hz, melrvq takes 16000" in entry.reason for entry in done.rejected)


def test_no_songs_give_an_empty_table(encode: Callable[..., Encoded], tmp_path: Path) -> None:
    done = encode("codes", [])
    assert (done.songs, done.tracks, done.rejected) == (0, 0, ())
    assert (tmp_path / "codes" / "codes.jsonl").read_text() == ""
    assert (tmp_path / "codes" / "codec.json").is_file()


def test_an_interruption_keeps_what_is_finished(
    encode: Callable[..., Encoded], melrvq: MelRvq, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")

    class Interrupted(MelRvq):
        def _encode(self, audio: Audio) -> np.ndarray:
            if audio.shape[1] > RATE * 2:  # the second song and the third
                raise KeyboardInterrupt
            return super()._encode(audio)

    broken = Interrupted(melrvq.card, melrvq.shape, melrvq.tables, melrvq.fitted)
    with pytest.raises(KeyboardInterrupt):
        encode("first", store=store, workers=1, load=lambda: [broken])
    assert not (tmp_path / "first" / "codes.jsonl").exists()
    assert encode("second", store=store).reused == 1


def test_stereo_is_mixed_to_mono_by_its_mean(
    encode: Callable[..., Encoded], melrvq: MelRvq, tracks: Sequence[Audio], tmp_path: Path
) -> None:
    pair = np.stack([tracks[0][:RATE], tracks[1][:RATE]])
    np.save(tmp_path / "pair.npy", pair)
    encode("codes", [SongTracks("x", RATE, None, (TrackFile("mixture", tmp_path / "pair.npy"),))])
    mono = pair.mean(axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(
        np.load(tmp_path / "codes" / "x.mixture.npy"), melrvq.encode(mono[np.newaxis])[0]
    )


def _npz(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, audio=np.zeros(RATE, np.float32))


def _header(text: bytes) -> Callable[[Path], object]:
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    return lambda path: path.write_bytes(start + text + bytes(100))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_npz, "magic string"),
        (_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (\n"), "EOF in multi-line"),
        (
            _header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n" % 10**30),
            "large",
        ),
        (lambda path: path.write_bytes(b""), "magic string"),
        (os.mkfifo, "a pipe"),
        (lambda path: np.save(path, np.zeros((RATE, 2), np.float32)), "shape"),
        (lambda path: np.save(path, np.zeros((0, RATE), np.float32)), "shape"),
        (lambda path: np.save(path, np.full(RATE, 32_767, np.float32)), "full scale is 1"),
    ],
)
def test_an_array_that_is_no_track_is_left_out(
    encode: Callable[..., Encoded],
    tracks: Sequence[Audio],
    tmp_path: Path,
    make: Callable[[Path], object],
    reason: str,
) -> None:
    make(tmp_path / "bad.npy")
    np.save(tmp_path / "good.npy", tracks[0][:RATE])
    songs = [
        SongTracks(name, None, None, (TrackFile("mixture", tmp_path / f"{name}.npy"),))
        for name in ("bad", "good")
    ]
    done = encode("codes", songs)
    assert [(entry.song_id, reason in entry.reason) for entry in done.rejected] == [("bad", True)]


def test_any_folder_of_arrays_can_be_tokenized(
    tracks: Sequence[Audio], melrvq: MelRvq, tmp_path: Path
) -> None:
    for number, name in enumerate(("one", "deep/two")):
        path = tmp_path / "in" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, tracks[number][: RATE * (number + 1)])
    melrvq.save(tmp_path / "codec")
    made, _ = tokenize_songs(
        lambda: folder_songs(tmp_path / "in"),
        CodecChoice.of_flags("melrvq", tmp_path / "codec", 3, None),
        tmp_path / "out",
        workers=0,
    )
    assert "2 songs" in made
    rows = read_jsonl(tmp_path / "out" / "codes.jsonl")
    assert [(r["song_id"], r["role"], r["frames"]) for r in rows] == [
        ("deep/two", "mixture", 100),
        ("one", "mixture", 50),
    ]
    for r in rows:
        assert np.load(tmp_path / r["path"]).shape == (3, r["frames"])
    assert json.loads((tmp_path / "out" / "codec.json").read_text())["frame_rate"] == "50/1"


def test_a_folder_that_convert_made_is_read_by_its_rows(work: Path) -> None:
    songs = folder_songs(work / "audio")
    assert [song.song_id for song in songs] == ["a", "b/c", "d"]
    assert all(track.path.is_file() for song in songs for track in song.tracks)
    assert [len(song.tracks) for song in songs] == [3, 2, 2]


def test_two_rows_of_one_track_are_refused(work: Path) -> None:
    rows = (work / "audio" / "audio.jsonl").read_text()
    (work / "audio" / "audio.jsonl").write_text(rows + rows.splitlines()[0] + "\n")
    with pytest.raises(CodecError, match="song 'a' has two rows of its instrumental"):
        folder_songs(work / "audio")


def test_only_what_is_plainly_named_is_a_song(tmp_path: Path) -> None:
    for name in ("one.npy", "._one.npy", ".hidden/two.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [song.song_id for song in folder_songs(tmp_path)] == ["one"]
    (tmp_path / os.fsdecode(b"\xff.npy")).touch()
    with pytest.raises(CodecError, match=r"\\xff.npy: the name is not valid UTF-8"):
        folder_songs(tmp_path)


def test_codes_are_never_written_among_the_songs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in the folder of audio"):
        check_codes_folder(tmp_path, tmp_path / "codes")


def test_a_folder_that_is_not_ours_is_never_replaced(work: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for output in (tmp_path / "mine", work / "audio", work):
        with pytest.raises(UsageError, match="replaced as a whole"):
            check_codes_folder(work / "audio", output)
    with pytest.raises(CodecError, match="nothing to encode"):
        folder_songs(tmp_path / "mine")
