"""The images, built by the real command as a user runs it."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from capture.container import ContainerSettings
from capture.engine import LABEL, Engine
from capture.versions import HAPROXY
from capture.workspace import REPOSITORY

ERROR, HINT = "error: ", "hint: "


class Command:
    """The command, in a checkout and with image names of its own."""

    def __init__(self, repository: Path, workspace: Path, name: str) -> None:
        self.repository = repository
        self.workspace = workspace
        self.primary = f"capture-test-{name}-primary:1"
        self.shadow = f"capture-test-{name}-shadow"

    @property
    def words(self) -> list[str]:
        """The command line up to further options."""
        return [
            sys.executable, "./build_docker_images.py", "--workspace", str(self.workspace),
            "--primary-image", self.primary,
            "--primary-nodes", "host.docker.internal:9200", "host.docker.internal:9201",
            "--shadow-haproxy", "host.docker.internal:81",
            "--shadow-image", self.shadow,
            "--shadow-nodes", "host.docker.internal:9202", "host.docker.internal:9203",
            "--internal-port", "9200",
        ]  # fmt: skip

    def run(self, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [*self.words, *more],
            cwd=self.repository,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    def output(self) -> list[str]:
        """What it prints."""
        return [
            f"Copying Docker-related files to: {self.workspace}",
            f"Writing HAProxy Config to: {self.workspace}/haproxy_no_mirror.cfg",
            f"Writing HAProxy Config to: {self.workspace}/haproxy_w_mirror.cfg",
            "Building HAProxy Docker image for Primary Cluster...",
            f"Primary HAProxy image available locally w/ tag: {self.primary}",
            "Building HAProxy Docker image for Shadow Cluster...",
            f"Shadow HAProxy image available locally w/ tag: {self.shadow}",
        ]


@pytest.fixture
def command(docker_engine: Engine, session_id: str, tmp_path: Path) -> Iterator[Command]:
    """The command of this checkout; its images are removed in the end."""
    command = Command(REPOSITORY, tmp_path / "workspace", f"{session_id}-command")
    yield command
    docker_engine.remove_image(command.primary)
    docker_engine.remove_image(command.shadow)


@pytest.fixture
def changed_checkout(command: Command, tmp_path: Path) -> Command:
    """The command of a checkout whose files a test may change."""
    command.repository = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "benchmarks", "docs")
    shutil.copytree(REPOSITORY, command.repository, ignore=ignored)
    return command


def with_step(command: Command, role: str, step: str) -> None:
    """Add a step to a Dockerfile of the checkout."""
    dockerfile = command.repository / f"docker_config_{role}" / "Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text()}\n{step}\n")


def test_it_prints_what_the_readme_says_and_again_uses_the_cache(
    docker_engine: Engine, changed_checkout: Command
) -> None:
    command = changed_checkout
    first = command.run()
    assert first.stdout.splitlines() == command.output()
    assert first.returncode == 0
    ids = docker_engine.image_id(command.primary), docker_engine.image_id(command.shadow)
    assert None not in ids
    assert ids[0] != ids[1]

    # Other times and another umask, as in another checkout: neither is part of the image.
    for path in command.repository.rglob("*"):
        path.touch()
        path.chmod(path.stat().st_mode & 0o700)
    second = command.run("--quiet")
    assert second.stdout.splitlines() == command.output()
    assert second.stderr == ""
    assert (docker_engine.image_id(command.primary), docker_engine.image_id(command.shadow)) == ids
    steps = (command.workspace / "build.log").read_text().splitlines()
    assert not [line for line in steps if "Running in" in line]


def test_without_a_shadow_one_image_is_built(docker_engine: Engine, command: Command) -> None:
    words = [sys.executable, "./build_docker_images.py", "--workspace", str(command.workspace)]
    words += ["--primary-image", command.primary, "--primary-nodes", "es:9200"]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout.splitlines() == [
        f"Copying Docker-related files to: {command.workspace}",
        f"Writing HAProxy Config to: {command.workspace}/haproxy_no_mirror.cfg",
        "Building HAProxy Docker image for Primary Cluster...",
        f"Primary HAProxy image available locally w/ tag: {command.primary}",
    ]
    assert docker_engine.image_id(command.primary) is not None
    assert docker_engine.image_id(command.shadow) is None


def test_a_failed_build_shows_the_end_of_its_output_and_where_the_rest_is(
    docker_engine: Engine, changed_checkout: Command
) -> None:
    command = changed_checkout
    command.workspace.mkdir()
    with_step(command, "shadow", "USER root\nRUN seq -f 'line %g' 100 && echo on stderr >&2 && exit 7")
    done = command.run()
    assert done.returncode == 4
    *output, error, hint = done.stderr.splitlines()
    assert error.startswith(f"{ERROR}the build of image {command.shadow} failed: ")
    assert "returned a non-zero code: 7" in error
    assert "line 100" in output
    assert "line 1" not in output
    log = command.workspace.with_name("workspace.failed") / "build.log"
    assert hint.startswith(HINT)
    assert str(log) in hint
    # Both streams, each in its own order only.
    assert {"line 1", "line 100", "on stderr"} <= set(log.read_text().splitlines())
    # The workspace is as it was, and no image has the name.
    assert list(command.workspace.iterdir()) == []
    assert docker_engine.image_id(command.shadow) is None
    assert sorted(path.name for path in command.workspace.parent.iterdir()) == [
        "checkout",
        "workspace",
        "workspace.failed",
    ]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_nothing(
    docker_engine: Engine, changed_checkout: Command, number: int, exit_code: int
) -> None:
    command = changed_checkout
    with_step(command, "primary", f"RUN echo begun {number} && sleep 200")
    with subprocess.Popen(
        [*command.words, "--verbose"], cwd=command.repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip() == f"begun {number}":
                break
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == exit_code
    assert [path.name for path in command.workspace.parent.iterdir()] == ["checkout"]
    assert docker_engine.image_id(command.primary) is None
    deadline = time.monotonic() + 20
    while building(docker_engine, f"begun {number}") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not building(docker_engine, f"begun {number}")


def building(engine: Engine, text: str) -> bool:
    """Whether a build step whose command has ``text`` is still under way."""
    return any(text in command for command in engine.running_commands())


def test_an_unknown_base_image_is_told_before_anything_is_done(command: Command) -> None:
    done = command.run("--base-image", "no-such-registry.invalid/debian:1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-2].startswith(f"{ERROR}--base-image: ")
    assert "debian:trixie-slim" in done.stderr.splitlines()[-1]
    assert not command.workspace.exists()


SECRET = "-----BEGIN CERTIFICATE-----\nY29tcGFueS1jYS1vZi10aGlzLXRlc3Q=\n-----END CERTIFICATE-----\n"


def files_with(engine: Engine, image: str, content: bytes) -> list[str]:
    """Where ``content`` is in any layer of ``image``, deleted files and the configuration included."""
    with tempfile.TemporaryFile() as file:
        engine.save_image(image, file)
        file.seek(0)
        return list(_members_with(file, content))


def _members_with(file: IO[bytes], content: bytes) -> Iterator[str]:
    with tarfile.open(fileobj=file) as tar:
        for member in tar:
            part = tar.extractfile(member) if member.isfile() else None
            if part is None:
                continue
            if member.name.endswith("layer.tar") or member.name.startswith("blobs/"):
                # A layer, in the archives of older and newer engines; a blob may be JSON instead.
                try:
                    yield from (f"{member.name}:{name}" for name in _members_with(part, content))
                    continue
                except tarfile.ReadError:
                    part.seek(0)
            if content in part.read():
                yield member.name


def test_the_ca_bundle_of_the_host_reaches_builds_and_no_image(
    docker_engine: Engine, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text(SECRET)
    assert command.run("--quiet", SSL_CERT_FILE=str(bundle)).returncode == 0
    for image in (command.primary, command.shadow):
        assert files_with(docker_engine, image, SECRET.encode()) == []

    # The same of a build that needs it, in the way that the context's documentation says.
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM {command.primary} AS builder\nUSER root\n"
        "COPY host-ca/ /usr/local/share/ca-certificates/\n"
        "RUN set -eux; grep -c CERTIFICATE /usr/local/share/ca-certificates/ca-bundle.crt > /made\n"
        f"FROM {command.primary}\nCOPY --from=builder /made /made\n"
    )
    try:
        docker_engine.build(context, tag=command.shadow, arguments={}, on_line=lambda _line: None)
        assert files_with(docker_engine, command.shadow, SECRET.encode()) == []
        # What is looked for would be found.
        assert files_with(docker_engine, command.shadow, b"2\n")
    finally:
        docker_engine.remove_image(command.shadow)


@pytest.mark.parametrize("suite", HAPROXY)
@pytest.mark.timeout(600)
def test_the_configurations_have_no_warning_on_every_haproxy(
    docker_engine: Engine, command: Command, suite: str
) -> None:
    done = command.run("--base-image", f"debian:{suite}-slim")
    assert done.returncode == 0, done.stderr
    for image in (command.primary, command.shadow):
        container = docker_engine.run(ContainerSettings(image=image, purpose="test", command=("sleep", "60")))
        try:
            version = container.exec("haproxy", "-v").output
            assert version.startswith(f"HAProxy version {HAPROXY[suite]}.")
            # A warning leaves the exit code 0 and is a line of output.
            checked = container.exec("haproxy", "-c", "-f", "/etc/cluster-traffic-capture/haproxy.cfg")
            assert checked.exit_code == 0, checked.output
            lines = [line for line in checked.output.splitlines() if line != "Configuration file is valid"]
            assert lines == []
        finally:
            container.remove()


def test_what_is_built_carries_our_label(docker_engine: Engine, command: Command) -> None:
    assert command.run("--quiet").returncode == 0
    assert docker_engine.image_labels(command.primary)[LABEL] == "image"
