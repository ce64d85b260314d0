"""Images that a registry gives, or does not give: with a real one, and with two that fall silent."""

import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from capture import base_image, elasticsearch_image, pinned_image
from capture import engine as engine_module
from capture.base_image import ensure_base_image
from capture.console import Console
from capture.debian_release import bootstrap_suite
from capture.elasticsearch_image import BUILT_IMAGE, ensure_elasticsearch_image
from capture.engine import Engine
from capture.errors import ExitCode, UserError
from capture.pull_error import PullError, PullFailure
from capture.versions import BASE_IMAGE, ELASTICSEARCH
from capture.workspace import REPOSITORY
from tests.integration.proxies import Images
from tests.integration.registry import (
    MANIFEST,
    Registry,
    digest_of,
    manifest_of,
    registry_program,
    running_registry,
    skip_unless_reachable,
    tiny_image,
)

NO_SUCH_IMAGE = "the registry has none"
NO_CREDENTIALS = "the registry does not give it (Head "


@pytest.fixture(scope="module")
def program(docker_engine: Engine) -> Path:
    """The registry's program."""
    skip_unless_reachable(docker_engine)
    return registry_program()


@pytest.fixture(scope="module")
def registry(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that gives to everybody."""
    with running_registry(program, tmp_path_factory.mktemp("registry") / "open") as registry:
        yield registry


@pytest.fixture(scope="module")
def closed_registry(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that answers 401."""
    folder = tmp_path_factory.mktemp("registry") / "closed"
    with running_registry(program, folder, asks_for_password=True) as registry:
        yield registry


@pytest.fixture
def removed(docker_engine: Engine) -> Iterator[list[str]]:
    """Names of images that are removed in the end."""
    names: list[str] = []
    yield names
    for name in names:
        docker_engine.remove_image(name)


@pytest.fixture
def bootstrapped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The base images that were to be bootstrapped, none of which is; the names of all registries will do."""
    asked: list[str] = []
    monkeypatch.setattr(base_image, "bootstrap_suite", lambda _name: "trixie")
    monkeypatch.setattr(base_image, "_check_tools", lambda _name: None)
    monkeypatch.setattr(base_image, "bootstrap", lambda _engine, name, _suite, _console: asked.append(name))
    return asked


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Elasticsearch images that were to be built, none of which is."""
    asked: list[str] = []
    monkeypatch.setattr(
        elasticsearch_image, "_build", lambda _engine, _context, tag, _console: asked.append(tag)
    )
    monkeypatch.setattr(elasticsearch_image, "ensure_base_image", lambda _engine, _name, _console: None)
    return asked


def publish(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have ``name`` be the published image of Elasticsearch."""
    monkeypatch.setattr(elasticsearch_image, "ELASTICSEARCH", {**ELASTICSEARCH, "published_image": name})


def test_the_base_image_is_pulled(
    docker_engine: Engine,
    registry: Registry,
    removed: list[str],
    bootstrapped: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = registry.push_tiny("debian", "trixie-slim", secrets.token_bytes(100_000))
    removed.append(name)
    ensure_base_image(docker_engine, name, Console())
    assert capsys.readouterr().err.splitlines() == [
        f"Base image {name}: asking the registry",
        f"Base image {name}: pulled from the registry ({docker_engine.registry_digest(name)})",
    ]
    assert docker_engine.image_id(name) is not None
    assert bootstrapped == []
    # From now on the engine has it.
    ensure_base_image(docker_engine, name, Console())
    assert capsys.readouterr().err == ""


def test_the_images_are_built_on_a_pulled_base_image(
    docker_engine: Engine,
    registry: Registry,
    images: Images,
    session_id: str,
    removed: list[str],
    tmp_path: Path,
) -> None:
    with tempfile.TemporaryFile() as saved:
        docker_engine.save_image(BASE_IMAGE, saved)
        saved.seek(0)
        name = registry.push_saved("team/debian", "trixie-slim", saved)
    primary = f"capture-test-{session_id}-pulled"
    digest = docker_engine.registry_digest(name)
    pinned = f"{name}@{digest}"
    removed += [pinned, primary]
    done = subprocess.run(
        [sys.executable, "./build_docker_images.py", "--workspace", tmp_path / "workspace", "--base-image", pinned,
         "--primary-image", primary, "--primary-nodes", "es:9200"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("  ")] == [
        f"Base image {pinned}: asking the registry",
        f"Base image {pinned}: pulled from the registry ({digest})",
    ]
    # It is the same image: the steps on it were in the engine's cache.
    assert docker_engine.image_id(pinned) == docker_engine.image_id(BASE_IMAGE)
    labels = docker_engine.image_labels(primary)
    assert labels["org.opencontainers.image.base.name"] == name
    assert labels["org.opencontainers.image.base.digest"] == digest


def test_an_image_whose_digest_is_known_is_that_one_whatever_its_name_means_now(
    docker_engine: Engine,
    registry: Registry,
    removed: list[str],
    bootstrapped: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = tiny_image(secrets.token_bytes(1000))
    name = registry.push("known/debian", "trixie-slim", *known)
    digest = digest_of(manifest_of(*known))
    assert docker_engine.registry_digest(name) == digest
    # Somebody moves the name to another image.
    registry.push_tiny("known/debian", "trixie-slim", secrets.token_bytes(1000))
    assert docker_engine.registry_digest(name) != digest
    monkeypatch.setattr(pinned_image, "DIGESTS", {name: digest})
    removed.append(name)
    ensure_base_image(docker_engine, name, Console())
    assert docker_engine.image_id(name) == digest_of(known[0])
    assert bootstrapped == []
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"pulled from the registry ({digest})")


def test_a_digest_that_the_registry_does_not_have_is_no_image(
    docker_engine: Engine, registry: Registry, bootstrapped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_image, "bootstrap_suite", bootstrap_suite)
    name = registry.push_tiny("other/debian", "trixie-slim", secrets.token_bytes(1000))
    with pytest.raises(UserError, match="no image") as caught:
        ensure_base_image(docker_engine, f"{name}@sha256:{'1' * 64}", Console())
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert docker_engine.image_id(name) is None
    assert bootstrapped == []


def test_the_elasticsearch_image_is_pulled(
    docker_engine: Engine,
    registry: Registry,
    removed: list[str],
    built: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = registry.push_tiny("elasticsearch/elasticsearch-oss", "7.10.2", secrets.token_bytes(100_000))
    removed.append(name)
    publish(monkeypatch, name)
    assert ensure_elasticsearch_image(docker_engine, Console()) == name
    assert built == []
    digest = docker_engine.registry_digest(name)
    assert capsys.readouterr().err == f"Elasticsearch image: {name}, pulled from the registry ({digest})\n"


@pytest.mark.parametrize(("which", "why"), [("registry", NO_SUCH_IMAGE), ("closed_registry", NO_CREDENTIALS)])
def test_without_an_image_from_the_registry_it_is_made_here(
    docker_engine: Engine,
    bootstrapped: list[str],
    built: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    which: str,
    why: str,
) -> None:
    registry: Registry = request.getfixturevalue(which)
    name = f"{registry.address}/no-such-image:trixie-slim"
    ensure_base_image(docker_engine, name, Console())
    asking, line = capsys.readouterr().err.splitlines()
    assert asking == f"Base image {name}: asking the registry"
    assert line.startswith(f"Base image {name}: {why}")
    assert "so it is bootstrapped from Debian's archive" in line
    assert bootstrapped == [name]

    publish(monkeypatch, name)
    made = ensure_elasticsearch_image(docker_engine, Console())
    assert made.startswith(f"{BUILT_IMAGE}:")
    assert built == [made]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Elasticsearch image: {why}")
    assert f"so {made} is built" in line


def test_who_is_refused_an_image_that_cannot_be_made_here_is_told_to_log_in(
    docker_engine: Engine, closed_registry: Registry
) -> None:
    with pytest.raises(UserError, match=r"does not give it.*no basic auth credentials") as caught:
        ensure_base_image(docker_engine, f"{closed_registry.address}/debian:trixie-slim", Console())
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert f"docker login {closed_registry.address}" in caught.value.hint


@contextmanager
def falling_silent(at: str) -> Iterator[str]:
    """A registry that stops in the middle of what it answers for its one image's ``manifest`` or ``layer``; the image's name.

    It gives this image whatever digest it is asked for. Anything else as ``at``: it never stops.
    """
    config, layers = tiny_image(secrets.token_bytes(500_000))
    manifest = manifest_of(config, layers)
    answers = {digest_of(config): config, digest_of(layers[0]): layers[0], "trixie-slim": manifest}
    stuck = {"manifest": manifest, "layer": layers[0]}.get(at)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(
                self.path.rpartition("/")[2], manifest if "/manifests/" in self.path else b"{}"
            )
            self.send_response(200)
            self.send_header("Content-Type", MANIFEST if body is manifest else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2])
                if body is stuck:
                    over.wait(60)
                self.wfile.write(body[len(body) // 2 :])

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_words: object) -> None:
            """The engine went away, as it should."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="silent registry")
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/debian:trixie-slim"
        finally:
            over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("at", "failure"), [("manifest", PullFailure.UNREACHABLE), ("layer", PullFailure.BROKEN_OFF)]
)
def test_a_pull_from_a_registry_that_falls_silent_is_given_up_and_leaves_nothing(
    docker_engine: Engine,
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    failure: PullFailure,
) -> None:
    skip_unless_reachable(docker_engine)
    monkeypatch.setattr(engine_module, "_REGISTRY_S", 1)
    with falling_silent(at) as name:
        removed.append(name)
        with pytest.raises(PullError, match="nothing came for 1 s") as caught:
            docker_engine.pull(name)
    assert docker_engine.image_id(name) is None
    assert caught.value.failure is failure


def test_a_registry_that_gives_another_image_than_the_digest_is_not_believed(
    docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_unless_reachable(docker_engine)
    with falling_silent("nowhere") as name:
        monkeypatch.setattr(pinned_image, "DIGESTS", {name: f"sha256:{'1' * 64}"})
        with pytest.raises(PullError, match="verification failed") as caught:
            pinned_image.pull_pinned(docker_engine, name)
    assert caught.value.failure is PullFailure.FAULTY
    assert docker_engine.image_id(name) is None
