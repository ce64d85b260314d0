"""A registry for the engine to pull from: the program behind most of them, as Debian packages it, on this machine.

Its package is unpacked, not installed: the package starts a service on port 5000, which nobody asked for.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
import requests

from capture.engine import Engine

PACKAGE = "docker-registry"
_CACHE = Path("~/.cache/cluster-traffic-capture/registry")
_START_S = 20
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Registry:
    """A registry that runs; ``address`` is how image names begin."""

    def __init__(self, address: str) -> None:
        self.address = address

    def push(self, name: str, tag: str, config: bytes, layers: list[bytes]) -> str:
        """Put an image there without an engine, which then has no part of it yet; its name in full.

        ``layers`` are packed with gzip, and ``config`` names the digests of their content.
        """
        for blob in (config, *layers):
            place = self._ask("POST", f"{name}/blobs/uploads/").headers["Location"]
            mark = "&" if "?" in place else "?"
            self._ask("PUT", f"{place}{mark}digest={digest_of(blob)}", blob, "application/octet-stream")
        self._ask("PUT", f"{name}/manifests/{tag}", manifest_of(config, layers), MANIFEST)
        return f"{self.address}/{name}:{tag}"

    def push_tiny(self, name: str, tag: str, content: bytes) -> str:
        """Put an image of one file there."""
        return self.push(name, tag, *tiny_image(content))

    def push_saved(self, name: str, tag: str, saved: IO[bytes]) -> str:
        """Put an image there that an engine saved."""
        with tarfile.open(fileobj=saved) as tar:

            def read(path: str) -> bytes:
                file = tar.extractfile(path)
                assert file is not None
                return file.read()

            [image] = json.loads(read("manifest.json"))
            layers = [gzip.compress(read(path), 1) for path in image["Layers"]]
            return self.push(name, tag, read(image["Config"]), layers)

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str = "text/plain") -> requests.Response:
        url = path if path.startswith("http") else f"http://{self.address}/v2/{path}"
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, data=body, headers={"Content-Type": kind}, timeout=20)
        answer.raise_for_status()
        return answer


def manifest_of(config: bytes, layers: list[bytes]) -> bytes:
    """What a registry answers for the name of an image."""

    def part(blob: bytes, kind: str) -> dict[str, object]:
        return {"mediaType": kind, "size": len(blob), "digest": digest_of(blob)}

    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part(config, _CONFIG),
            "layers": [part(layer, _LAYER) for layer in layers],
        }
    ).encode()


def tiny_image(content: bytes) -> tuple[bytes, list[bytes]]:
    """Configuration and layers of an image of one file."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        member = tarfile.TarInfo("content")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    config = {
        "architecture": _ARCHITECTURES.get(platform.machine(), "amd64"),
        "os": "linux",
        "config": {"Cmd": ["/content"]},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer.getvalue())]},
        "history": [{"created_by": "tests"}],
    }
    return json.dumps(config).encode(), [gzip.compress(layer.getvalue())]


def digest_of(blob: bytes) -> str:
    """The name of ``blob`` in a registry."""
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@contextmanager
def running_registry(program: Path, folder: Path, *, asks_for_password: bool = False) -> Iterator[Registry]:
    """A registry on a free port of 127.0.0.1, which engines take plain HTTP from; its files are in ``folder``."""
    configuration = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": "127.0.0.1:0"},
    }
    if asks_for_password:
        # It makes one up where the file is not there yet.
        configuration["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    folder.mkdir()
    # JSON is YAML too.
    (folder / "config.yml").write_text(json.dumps(configuration))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", folder / "config.yml"],
            stdout=output,
            stderr=output,
            env={"PATH": os.environ["PATH"]},
        )
    try:
        yield Registry(_address(process, log))
    finally:
        process.terminate()
        process.wait(20)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_S
    while True:
        said = log.read_text()
        _, found, rest = said.partition('msg="listening on ')
        if found and '"' in rest:
            return rest.partition('"')[0]
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the registry does not listen (exit code {process.returncode}):\n{said}")
        time.sleep(0.05)


def registry_program() -> Path:
    """The program; got from Debian's archive when it is not here. Skips where neither is possible."""
    installed = shutil.which(PACKAGE)
    if installed is not None:
        return Path(installed)
    program = _CACHE.expanduser() / "usr/bin" / PACKAGE
    if program.exists():
        return program
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip(f"{PACKAGE} is not installed, and its package can be had on Debian and Ubuntu only")
    with tempfile.TemporaryDirectory(prefix="cluster-traffic-capture-registry-") as temporary:
        failed = _download(Path(temporary))
        if failed and os.geteuid() == 0:
            # A machine whose lists of packages are empty, or older than what the archive has.
            _run(Path(temporary), "apt-get", "update")
            failed = _download(Path(temporary))
        if failed:
            pytest.skip(f"{PACKAGE} is not installed, and its package can't be had: {failed}")
        [package] = Path(temporary).glob("*.deb")
        # Renamed when it is whole: sessions may meet here.
        failed = _run(Path(temporary), "dpkg", "-x", package.name, "unpacked")
        assert not failed, failed
        program.parent.mkdir(parents=True, exist_ok=True)
        part = program.with_name(f"{PACKAGE}.{os.getpid()}")
        shutil.copy(Path(temporary) / "unpacked/usr/bin" / PACKAGE, part)
        part.rename(program)
    return program


def _download(folder: Path) -> str:
    return _run(folder, "apt-get", "download", PACKAGE)


def _run(folder: Path, *command: str) -> str:
    """Run a command; the last line that it said when it failed, else nothing."""
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return "" if done.returncode == 0 else (done.stdout.strip() or "no reason given").splitlines()[-1]


def skip_unless_reachable(engine: Engine) -> None:
    """Skip where 127.0.0.1 is another machine for ``engine``."""
    if engine._hosts() == ("0.0.0.0",):
        pytest.skip("the engine is not on this machine: it can't reach a registry at 127.0.0.1 of it")
