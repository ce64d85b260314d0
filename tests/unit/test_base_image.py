"""Which way the base image comes, decided on an engine that is none."""

import os
import re
import shutil
from pathlib import Path
from typing import cast

import pytest

from capture import base_image
from capture.base_image import ensure_base_image
from capture.console import Console, Verbosity
from capture.debian_release import bootstrap_suite, check_valid_until
from capture.engine import Engine
from capture.errors import ExitCode, UserError
from capture.pinned_image import base_arguments, base_labels, pull_pinned
from capture.pull_error import PullError, PullFailure
from capture.versions import BASE_IMAGE, DIGESTS, HAPROXY, TRAFFIC_GEN_BASE_IMAGE
from capture.workspace import REPOSITORY

NO_REGISTRY = PullError("no such host", PullFailure.UNREACHABLE)
NO_SUCH_IMAGE = PullError("manifest unknown", PullFailure.ABSENT)


class FakeEngine:
    """Has the images ``present``; a pull ends with ``outcome``."""

    def __init__(self, present: set[str] | None = None, outcome: PullError | None = None) -> None:
        self.present = present or set()
        self.outcome = outcome
        self.pulled: list[str] = []
        self.named: list[tuple[str, str]] = []
        self.digests: dict[str, str] = {}

    def image_digest(self, name: str) -> str | None:
        return self.digests.get(name)

    def tag(self, name: str, new: str) -> None:
        self.named.append((name, new))

    def image_id(self, name: str) -> str | None:
        return "sha256:1" if name in self.present else None

    def pull(self, name: str) -> None:
        self.pulled.append(name)
        if self.outcome is not None:
            raise self.outcome


@pytest.fixture
def bootstrapped(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The bootstraps that were asked for, none of which takes place, on a host that may."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        base_image, "bootstrap", lambda _engine, name, suite, _console: asked.append((name, suite))
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/sbin/{program}")
    monkeypatch.setattr(base_image, "_KEYRING", Path(__file__))
    return asked


def ensure(engine: FakeEngine, name: str = BASE_IMAGE) -> None:
    ensure_base_image(cast(Engine, engine), name, Console(Verbosity.NORMAL))


def test_an_image_that_is_there_is_used_without_a_word(
    bootstrapped: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine(present={BASE_IMAGE})
    ensure(engine)
    assert engine.pulled == []
    assert bootstrapped == []
    assert capsys.readouterr() == ("", "")


def test_it_is_pulled_when_a_registry_answers(
    bootstrapped: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine()
    ensure(engine)
    pinned = f"{BASE_IMAGE}@{DIGESTS[BASE_IMAGE]}"
    assert engine.pulled == [pinned]
    assert engine.named == [(pinned, BASE_IMAGE)]
    assert bootstrapped == []
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"Base image {BASE_IMAGE}: pulled from the registry ({DIGESTS[BASE_IMAGE]})"


@pytest.mark.parametrize("suite", HAPROXY)
@pytest.mark.parametrize("outcome", [NO_REGISTRY, NO_SUCH_IMAGE])
def test_it_is_bootstrapped_otherwise_under_the_same_name(
    bootstrapped: list[tuple[str, str]], suite: str, outcome: PullError
) -> None:
    ensure(FakeEngine(outcome=outcome), f"debian:{suite}-slim")
    assert bootstrapped == [(f"debian:{suite}-slim", suite)]


def test_one_line_says_that_it_is_bootstrapped_and_why(
    bootstrapped: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    ensure(FakeEngine(outcome=NO_REGISTRY))
    assert "no registry answers, so it is bootstrapped" in capsys.readouterr().err.splitlines()[-1]
    assert len(bootstrapped) == 1


@pytest.mark.parametrize(
    "name",
    ["debian:trixie", "debian:buzz-slim", "team/debian:trixie-slim", "registry.example/library/debian:trixie-slim", "ubuntu:24.04"],
)  # fmt: skip
def test_other_images_are_unknown_without_a_registry(bootstrapped: list[tuple[str, str]], name: str) -> None:
    with pytest.raises(UserError, match=name) as caught:
        ensure(FakeEngine(outcome=NO_REGISTRY), name)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert "debian:trixie-slim" in caught.value.hint
    assert bootstrapped == []


@pytest.mark.parametrize(
    ("failure", "said", "hint"),
    [
        (PullFailure.ABSENT, "there is no image", "one of: debian:"),
        (
            PullFailure.REFUSED,
            "the registry does not give it (no more)",
            "docker login registry.example:5000",
        ),
        (PullFailure.BROKEN_OFF, "the pull broke off (no more)", "try again"),
    ],
)
def test_what_to_do_about_an_image_that_is_not_pulled_depends_on_why(
    bootstrapped: list[tuple[str, str]], failure: PullFailure, said: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        ensure(FakeEngine(outcome=PullError("no more", failure)), "registry.example:5000/debian:trixie-slim")
    assert said in str(caught.value)
    assert hint in caught.value.hint
    assert bootstrapped == []


OTHER = "sha256:" + "1" * 64


def test_what_the_images_are_built_on_is_pulled_by_digest() -> None:
    for name in (BASE_IMAGE, TRAFFIC_GEN_BASE_IMAGE):
        assert re.fullmatch("sha256:[0-9a-f]{64}", DIGESTS[name])
        engine = FakeEngine()
        assert pull_pinned(cast(Engine, engine), f"docker.io/library/{name}") == DIGESTS[name]
        assert engine.pulled == [f"docker.io/library/{name}@{DIGESTS[name]}"]


def test_a_name_without_a_known_digest_is_pulled_as_it_is_and_its_digest_told() -> None:
    engine = FakeEngine()
    engine.digests = {"debian:buzz-slim": OTHER}
    assert pull_pinned(cast(Engine, engine), "debian:buzz-slim") == OTHER
    assert engine.pulled == ["debian:buzz-slim"]
    assert engine.named == []


def test_a_digest_that_the_user_gives_is_the_one_that_counts(bootstrapped: list[tuple[str, str]]) -> None:
    name = f"{BASE_IMAGE}@{OTHER}"
    engine = FakeEngine()
    ensure(engine, name)
    assert engine.pulled == [name]
    # What is made here has another one.
    with pytest.raises(UserError, match="no image") as caught:
        ensure(FakeEngine(outcome=NO_REGISTRY), name)
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    assert bootstrapped == []


def test_a_build_says_what_it_is_built_on() -> None:
    engine = FakeEngine(present={BASE_IMAGE, f"{BASE_IMAGE}@{OTHER}"})
    assert base_labels(cast(Engine, engine), BASE_IMAGE) == {"org.opencontainers.image.base.name": BASE_IMAGE}
    assert base_arguments(cast(Engine, engine), BASE_IMAGE)["BASE_IMAGE"] == BASE_IMAGE
    pinned = f"{BASE_IMAGE}@{OTHER}"
    engine.digests = {pinned: OTHER}
    assert base_labels(cast(Engine, engine), pinned) == {
        "org.opencontainers.image.base.name": BASE_IMAGE,
        "org.opencontainers.image.base.digest": OTHER,
    }
    assert base_arguments(cast(Engine, engine), pinned)["BASE_IMAGE"] == "sha256:1"


@pytest.mark.parametrize(
    ("name", "checked"),
    [
        ("debian:trixie-slim", "true"),
        ("debian:bookworm-slim", "true"),
        ("registry.example/team/base:1", "true"),
        ("debian:forky-slim", "false"),
        ("registry.example/debian:testing", "false"),
        (f"debian:forky-slim@{OTHER}", "false"),
    ],
)
def test_only_a_release_in_the_making_may_have_lists_that_are_out_of_date(name: str, checked: str) -> None:
    assert check_valid_until(name) == checked
    assert base_arguments(cast(Engine, FakeEngine()), name)["CHECK_VALID_UNTIL"] == checked


@pytest.mark.parametrize("folder", ["base", "primary", "elasticsearch", "traffic_gen"])
def test_no_dockerfile_leaves_the_check_out_by_itself(folder: str) -> None:
    text = (REPOSITORY / f"docker_config_{folder}" / "Dockerfile").read_text()
    updates = [line for line in text.splitlines() if "apt-get" in line and "update" in line]
    assert updates
    assert all('-o "Acquire::Check-Valid-Until=${CHECK_VALID_UNTIL}"' in line for line in updates)
    assert "ARG CHECK_VALID_UNTIL=true" in text
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    # An argument from before the first FROM is empty in a stage that does not name it.
    assert all("ARG CHECK_VALID_UNTIL\n" in stage for stage in stages if "CHECK_VALID_UNTIL}" in stage)


def test_the_name_in_full_is_the_same_image() -> None:
    assert bootstrap_suite("docker.io/library/debian:forky-slim") == "forky"


def test_a_missing_debootstrap_is_told_with_its_package(
    bootstrapped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _program: None)
    with pytest.raises(UserError, match="there is no debootstrap") as caught:
        ensure(FakeEngine(outcome=NO_REGISTRY))
    assert "apt-get install debootstrap" in caught.value.hint
    assert bootstrapped == []


def test_without_the_archives_keys_nothing_is_bootstrapped(
    bootstrapped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(base_image, "_KEYRING", tmp_path / "away.gpg")
    with pytest.raises(UserError, match=r"no keys here .*away\.gpg") as caught:
        ensure(FakeEngine(outcome=NO_REGISTRY))
    assert "apt-get install debian-archive-keyring" in caught.value.hint
    assert bootstrapped == []


def test_a_bootstrap_takes_root(bootstrapped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="takes root"):
        ensure(FakeEngine(outcome=NO_REGISTRY))
    assert bootstrapped == []


@pytest.fixture
def program_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder before all others in PATH, and a temporary folder of its own for the bootstrap."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return folder


@pytest.mark.parametrize(("scripts", "arguments"), [(["forky"], "forky ROOT"), (["sid"], "forky ROOT  sid")])
def test_a_release_that_debootstrap_does_not_know_takes_the_script_of_sid(
    program_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: list[str], arguments: str
) -> None:
    for script in scripts:
        (tmp_path / script).touch()
    monkeypatch.setattr(base_image, "_SCRIPTS", tmp_path)
    program = program_folder / "debootstrap"
    program.write_text('#!/bin/sh\necho "asked: $*"\necho "E: no archive"\nexit 3\n')
    program.chmod(0o755)
    with pytest.raises(UserError, match="debootstrap of forky failed") as caught:
        base_image.bootstrap(
            cast(Engine, FakeEngine()), "debian:forky-slim", "forky", Console(Verbosity.QUIET)
        )
    asked, reason = caught.value.detail.splitlines()
    root = next(word for word in asked.split() if word.endswith("/root"))
    checked = f"--force-check-gpg --keyring={base_image._KEYRING}"
    assert asked.replace(root, "ROOT") == f"asked: {checked} --variant=minbase {arguments}"
    assert reason == "E: no archive"
    # Nothing of the attempt is left.
    assert list((tmp_path / "tmp").iterdir()) == []
