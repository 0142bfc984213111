"""Seconds of audio a second that codecs of full size encode, in batches and one by one.

Weights are random, tracks are noise of equal length; both ways run in turn in one run and a figure
is the best of the rounds, since machines are shared. "a core" counts processor time. Where there is
a GPU the whole stage is timed too, from .npy files to codes on disk, with the share of its time
that is not the model's.

    python benchmarks/codecs.py [--codecs xcodec dac16k] [--seconds 10] [--tracks 3] [--rounds 2]

semanticodec takes four windows of 10.24 s through its layers whatever it is given, which is about a
minute of a core: four tracks together and one of them by itself tell all in two to five minutes.

    python benchmarks/codecs.py --codecs semanticodec --tracks 4 --alone 1 --rounds 1
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from yue.codec_facts import BUILT_IN
from yue.codecs.audio_tracks import SongTracks, TrackFile
from yue.codecs.base import Audio, Codec
from yue.codecs.card import Window, built_in_card
from yue.codecs.encode_songs import encode_songs
from yue.codecs.torch_codec import TorchCodec

NAMES = ("xcodec", "semanticodec", "dac16k", "dac44k", "melrvq")


def make_codec(name: str, device: str) -> Codec:
    """Make a codec of full size with random weights."""
    torch.manual_seed(0)
    if name == "melrvq":
        from yue.codecs.melrvq_fit import fit

        return fit([noise(16_000 * 60, 1)[0]])
    if name == "xcodec":
        from transformers import XcodecModel

        from yue.codecs.xcodec_model import Xcodec, model_config

        config = model_config((8, 5, 4, 2), (0.5, 1, 1.5, 2, 4, 6))
        model = XcodecModel(config).eval().to(device)
        for quantizer in model.quantizer.quantizers:
            quantizer.codebook.embed.normal_()
        return Xcodec(built_in_card(name, "", 8), model)
    if name == "semanticodec":
        return make_semanticodec(device)
    from transformers import DacConfig, DacModel

    from yue.codecs.dac_model import DacCodec

    ratios, books = {"dac16k": ([2, 4, 5, 8], 12), "dac44k": ([2, 4, 8, 8], 9)}[name]
    config = DacConfig(downsampling_ratios=ratios, n_codebooks=books)
    window = Window(int(20 * BUILT_IN[name].frame_rate), 16)
    card = built_in_card(name, "", None, window)
    return DacCodec(card, DacModel(config).eval().to(device))


def make_semanticodec(device: str) -> Codec:
    from yue.codecs.semanticodec_model import SemantiCodec, SemantiNetwork

    width = 768
    semantic, acoustic = BUILT_IN["semanticodec"].sizes
    sizes = {
        "vit.cls_token": torch.empty(1, 1, width),
        "vit.pos_embed": torch.empty(1, 513, width),
        "centroids": torch.empty(semantic, width),
        "codebook": torch.empty(acoustic, width),
        **{f"vit.blocks.{n}.attn.qkv.weight": torch.empty(0) for n in range(12)},
        **{f"lstm.weight_ih_l{n}": torch.empty(0) for n in range(4)},
    }
    network = SemantiNetwork(sizes).eval()
    for tensor in (network.vit.cls_token, network.vit.pos_embed, *network.buffers()):
        tensor.data.normal_()
    return SemantiCodec(built_in_card("semanticodec", "", None), network.to(device), Path)


def noise(samples: int, tracks: int) -> Audio:
    return np.random.default_rng(0).normal(0, 0.1, (tracks, samples)).astype(np.float32)


def best(ways: Sequence[Callable[[], object]], rounds: int) -> list[tuple[float, float]]:
    """(wall, processor) seconds of each way, the best of the rounds."""
    costs = [(float("inf"), float("inf"))] * len(ways)
    for _ in range(rounds):
        for place, way in enumerate(ways):
            wall, cpu = time.monotonic(), time.process_time()
            way()
            cost = time.monotonic() - wall, time.process_time() - cpu
            costs[place] = min(costs[place][0], cost[0]), min(costs[place][1], cost[1])
    return costs


def compare(codec: Codec, seconds: float, tracks: int, count: int, rounds: int) -> None:
    audio = noise(int(seconds * codec.sample_rate), tracks)
    together: list[np.ndarray] = []
    alone: list[np.ndarray] = []

    def batch() -> None:
        together[:] = codec.encode_tracks(list(audio))

    def one_by_one() -> None:
        alone[:] = [codec.encode_tracks([track])[0] for track in audio[:count]]

    costs = best((batch, one_by_one), rounds)
    equal = np.mean([a == b for a, b in zip(together, alone, strict=False)])
    (wall, cpu), (wall_one, cpu_one) = (
        (w / number / seconds, c / number / seconds)
        for number, (w, c) in zip((tracks, count), costs, strict=True)
    )
    print(
        f"| {codec.name} | {1 / wall:.2f} | {1 / cpu:.2f} | {1 / wall_one:.2f} | {1 / cpu_one:.2f} "
        f"| {wall_one / wall:.2f} | {equal:.4%} |",
        flush=True,
    )


def time_stage(codec: TorchCodec, hours: float) -> None:
    """Time the stage on a GPU, songs of three minutes with two tracks."""
    model_seconds = 0.0
    encode = codec._model_encode

    def timed(audio: torch.Tensor) -> torch.Tensor:
        nonlocal model_seconds
        torch.cuda.synchronize()
        start = time.monotonic()
        codes = encode(audio)
        torch.cuda.synchronize()
        model_seconds += time.monotonic() - start
        return codes

    codec._model_encode = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = 180 * codec.sample_rate
        np.save(folder / "track.npy", noise(samples, 1)[0])
        tracks = tuple(TrackFile(role, folder / "track.npy") for role in ("vocal", "instrumental"))
        songs = [
            SongTracks(f"{n}", codec.sample_rate, samples, tracks) for n in range(int(hours * 10))
        ]
        for run in ("warm-up", "measured"):
            model_seconds = 0.0
            (folder / run).mkdir()
            start = time.monotonic()
            encode_songs(
                songs, codec.card, lambda: [codec], folder / run, prefix="", store=None, workers=4
            )
            wall = time.monotonic() - start
    audio = len(songs) * 360
    print(
        f"{codec.name}, the stage on {torch.cuda.get_device_name()}: {audio / wall:.0f} times real "
        f"time, {1 - model_seconds / wall:.0%} of it not the model's"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codecs", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--tracks", type=int, default=3)
    parser.add_argument(
        "--alone", type=int, help="tracks that are encoded one by one (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hours", type=float, default=4, help="of audio for the stage on a GPU")
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads")
    print("| codec | batch | a core | one by one | a core | batch is faster by | equal codes |")
    print("|---|---|---|---|---|---|---|")
    for name in args.codecs:
        codec = make_codec(name, device)
        compare(codec, args.seconds, args.tracks, args.alone or args.tracks, args.rounds)
        if device == "cuda" and isinstance(codec, TorchCodec):
            time_stage(codec, args.hours)
    if device == "cpu":
        print("GPU: unmeasured, there is none here")


if __name__ == "__main__":
    main()
