"""Downloads, from a hub on this machine: they go on where they stopped, and keep what is there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from yue.errors import YueError
from yue.inputs.fetch import _lock_part
from yue.paths import Paths
from yue.recipe.read import default_recipe
from yue.stages.inputs import main

REPO, COMMIT = "m-a-p/xcodec_mini_infer", "c" * 40
FILES = {
    "final_ckpt/config.yaml": b"config",
    "final_ckpt/ckpt_00360000.pth": bytes(range(256))
    * 4096
    * 24,  # 24 MiB; the hub's library reads 10 at once
    "unneeded.bin": b"x",
}
CUT = 15_000_000


class Hub(ThreadingHTTPServer):
    """The part of the hub's protocol that a download uses; it breaks off once if told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cut = self.gone = False
        self.sent: list[tuple[str, int]] = []  # file, first byte
        self.wrong: set[str] = set()  # files of which it names another digest

    def digest(self, name: str) -> str:
        return hashlib.sha256(b"other" if name in self.wrong else FILES[name]).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if self.server.gone:
            self.close_connection = True
            return
        if path.startswith(f"/api/models/{REPO}"):
            siblings = [
                {
                    "rfilename": name,
                    "size": len(data),
                    "lfs": {
                        "sha256": self.server.digest(name),
                        "size": len(data),
                        "pointerSize": 1,
                    },
                }
                for name, data in FILES.items()
            ]
            self._send(json.dumps({"id": REPO, "sha": COMMIT, "siblings": siblings}).encode(), {})
            return
        name = path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
        if name not in FILES:
            self.send_error(404)
            return
        data = FILES[name]
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if not body:
            self._send(data, headers, body=False)
            return
        self.server.sent.append((name, start))
        self._send(data[start:], headers, code=206 if start else 200)

    def _send(
        self, data: bytes, headers: dict[str, str], *, code: int = 200, body: bool = True
    ) -> None:
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body and self.server.cut and len(data) > CUT:
            self.wfile.write(data[:CUT])
            self.wfile.flush()
            self.server.gone, self.close_connection = True, True
        elif body:
            self.wfile.write(data)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def fetch(folder: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "yue", "fetch", REPO, "--output-dir", str(folder)]
    env = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"}
    env |= {"HF_HUB_DOWNLOAD_TIMEOUT": "5", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.run(
        [*line, "--include", "final_ckpt/*"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.long
def test_a_broken_download_goes_on_and_keeps_what_was_put_there(tmp_path: Path, hub: Hub) -> None:
    folder = tmp_path / "my models"
    (folder / "final_ckpt").mkdir(parents=True)
    (folder / "mine.txt").write_text("mine")
    (folder / "final_ckpt" / "config.yaml").write_text("my own")
    hub.cut = True
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    done = fetch(folder, endpoint)
    assert done.returncode == 1
    assert f"cannot fetch {REPO}" in done.stderr
    assert "goes on where it stopped" in done.stderr
    assert hub.sent, "it had begun"
    assert not (folder / "final_ckpt" / "ckpt_00360000.pth").exists()
    hub.cut, hub.gone, hub.sent = False, False, []
    done = fetch(folder, endpoint)
    assert done.returncode == 0, done.stderr
    weights = "final_ckpt/ckpt_00360000.pth"
    starts = [start for name, start in hub.sent if name == weights]
    assert starts, "the rest was asked for"
    assert starts == [10 * 1024 * 1024], "not from the start again"
    assert (folder / weights).read_bytes() == FILES[weights]
    assert (folder / "mine.txt").read_text() == "mine"
    assert (folder / "final_ckpt" / "config.yaml").read_text() == "my own"
    assert "config.yaml is kept; the hub's has another size (6 bytes)" not in done.stdout
    assert "config.yaml is kept" not in done.stderr, "of the same size"
    assert not (folder / "unneeded.bin").exists()


def test_what_comes_damaged_is_not_kept(tmp_path: Path, hub: Hub) -> None:
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    hub.wrong = {"final_ckpt/config.yaml"}
    done = fetch(tmp_path, endpoint)
    assert done.returncode == 1
    assert "the download is damaged" in done.stderr
    assert not (tmp_path / "final_ckpt/config.yaml").exists()
    hub.wrong = set()
    assert fetch(tmp_path, endpoint).returncode == 0
    assert (tmp_path / "final_ckpt/config.yaml").read_bytes() == b"config"
    assert not list(tmp_path.rglob("*.part"))


def test_without_a_network_it_says_so_and_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "mine").write_text("mine")
    done = fetch(tmp_path / "w", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert f"copy the files by hand into {tmp_path / 'w'}" in done.stderr
    assert "commit" not in done.stderr
    assert (tmp_path / "w" / "mine").read_text() == "mine"


def test_a_link_whose_end_is_not_there_is_kept(tmp_path: Path, hub: Hub) -> None:
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    link = tmp_path / "w" / "final_ckpt" / "config.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to("/mnt/disk/config.yaml")
    done = fetch(tmp_path / "w", endpoint)
    assert done.returncode == 1
    assert f"{link} is a link to /mnt/disk/config.yaml, which is not there" in done.stderr
    assert link.is_symlink()
    (tmp_path / "v").symlink_to("/mnt/disk")
    done = fetch(tmp_path / "v", endpoint)
    assert f"{tmp_path / 'v'} is a link to /mnt/disk, which is not there" in done.stderr


def test_too_long_an_unfinished_file_begins_anew(tmp_path: Path, hub: Hub) -> None:
    name = "final_ckpt/config.yaml"
    part = tmp_path / ".cache" / "yue" / f"{hub.digest(name)}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"longer than the file")
    done = fetch(tmp_path, f"http://127.0.0.1:{hub.server_port}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).read_bytes() == FILES[name]


def test_what_another_process_has_finished_is_not_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, target = tmp_path / "folder" / ".cache" / "yue" / "x.part", tmp_path / "folder" / "x"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"whole")

    def finished_meanwhile(*_: object) -> None:
        part.rename(target)

    monkeypatch.setattr("yue.inputs.fetch.fcntl.flock", finished_meanwhile)
    with (
        pytest.raises(YueError, match="another process is downloading"),
        _lock_part(part) as stream,
    ):
        stream.write(b"!")
    assert target.read_bytes() == b"whole"


def test_an_experiment_downloads_into_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / ".dvc" / "tmp" / "exps" / "tmp1"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def download(repo: str, folder: Path, **_: object) -> None:
        assert repo == REPO
        for name in ("final_ckpt/config.yaml", "final_ckpt/ckpt_00360000.pth"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"w")

    monkeypatch.setattr("yue.stages.inputs.fetch_repository", download)
    recipe = default_recipe()
    codec = dataclasses.replace(recipe.codec, path="models/xcodec_mini_infer")
    model = dataclasses.replace(recipe.model, path="demo/work/base")
    tokens = dataclasses.replace(recipe.tokens, tokenizer="demo/work/tokenizer.model")
    main(dataclasses.replace(recipe, codec=codec, model=model, tokens=tokens), Paths(root))
    weights = Path("models/xcodec_mini_infer/final_ckpt/ckpt_00360000.pth")
    assert (tmp_path / weights).is_file(), "the experiment's folder goes when it ends"
    assert not (tmp_path / weights).is_symlink()
    assert (root / weights).resolve() == tmp_path / weights
