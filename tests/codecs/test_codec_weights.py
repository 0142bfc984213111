from __future__ import annotations

from pathlib import Path

import pytest

from tests.codecs import tiny
from yue.cli import main
from yue.codecs.codec_weights import locate
from yue.codecs.registry import load_codec, read_card
from yue.errors import CodecError

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache on a machine without network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


def test_a_pinned_revision_is_taken_from_the_hubs_cache(hub: Path, tmp_path: Path) -> None:
    snapshot = hub / "models--org--codec" / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    tiny.save_dac(snapshot, "dac16k")
    name = Path(f"org/codec@{REVISION}")
    assert read_card("dac16k", name) == read_card("dac16k", snapshot)
    assert load_codec("dac16k", tmp_path / name).digest == read_card("dac16k", snapshot).digest


def test_without_network_a_revision_that_is_not_cached_is_named(hub: Path) -> None:
    with pytest.raises(CodecError, match=r"no weights of org/codec at revision v1\n.*\n.*melrvq"):
        read_card("dac16k", Path("org/codec@v1"))


def test_an_error_of_the_hubs_http_library_is_no_traceback(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "no-protocol")
    with pytest.raises(CodecError, match="no weights of org/codec at revision v1"):
        locate(Path("org/codec@v1"))
    assert main(["fetch", "org/codec", "--output-dir", str(tmp_path / "new")]) == 1
    assert "cannot fetch org/codec: " in capsys.readouterr().err


def test_a_folder_is_never_looked_for_on_the_hub(hub: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my" / "codec@v1"
    folder.mkdir(parents=True)
    assert locate(folder) == folder
    assert locate(Path("models/xcodec_mini_infer")) == Path("models/xcodec_mini_infer")
