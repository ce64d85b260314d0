"""The tar that goes to the engine: the same for the same files, and the host's CA bundle only where it may be."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from capture.build_context import check_ca_stays_out, host_ca_bundle, write_context
from capture.errors import CaptureError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "bin").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY bin/ /bin/\n")
    (folder / "bin" / "start").write_text("#!/bin/sh\n")
    (folder / "bin" / "start").chmod(0o755)
    return folder


def context(folder: Path, ca_bundle: Path | None = None) -> bytes:
    target = io.BytesIO()
    write_context(folder, target, ca_bundle)
    return target.getvalue()


def names(tar: bytes) -> dict[str, int]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as file:
        return {member.name: member.mode for member in file}


def test_times_and_the_umask_do_not_change_it(folder: Path) -> None:
    before = context(folder)
    (folder / "bin" / "start").chmod(0o700)
    (folder / "Dockerfile").chmod(0o600)
    (folder / "bin").chmod(0o700)
    os.utime(folder / "Dockerfile", (0, 0))
    assert context(folder) == before
    assert names(before) == {"Dockerfile": 0o644, "bin": 0o755, "bin/start": 0o755, "host-ca": 0o755}


def test_contents_and_the_executable_bit_change_it(folder: Path) -> None:
    before = context(folder)
    (folder / "bin" / "start").chmod(0o644)
    other_mode = context(folder)
    (folder / "bin" / "start").write_text("#!/bin/ax\n")
    assert len({before, other_mode, context(folder)}) == 3


def test_the_ca_bundle_of_the_host_goes_along(folder: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("PEM")
    assert "host-ca/ca-bundle.crt" in names(context(folder, bundle))
    assert b"PEM" in context(folder, bundle)


def test_which_ca_bundle(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.touch()
    other.touch()
    both = {"SSL_CERT_FILE": str(one), "REQUESTS_CA_BUNDLE": str(other)}
    assert host_ca_bundle(both) == one
    assert host_ca_bundle({"REQUESTS_CA_BUNDLE": str(other)}) == other
    assert (
        host_ca_bundle({"SSL_CERT_FILE": str(tmp_path / "away"), "REQUESTS_CA_BUNDLE": str(other)}) == other
    )
    assert host_ca_bundle({"SSL_CERT_FILE": str(tmp_path)}) is None
    assert host_ca_bundle({"SSL_CERT_FILE": ""}) is None
    assert host_ca_bundle({}) is None


@pytest.mark.parametrize(
    "last_stage",
    [
        "COPY host-ca/ /x/",
        "COPY host-ca/ /x/\nCOPY a /x/",
        "copy ./host-ca/ca-bundle.crt /x/",
        'COPY ["host-ca/", "/x/"]',
        "COPY --chown=1:1 host-ca/ca-bundle.crt a /x/",
        "ADD host-ca /x",
        "COPY . /x/",
        "COPY * /x/",
        "COPY ./ /x/",
        "COPY a \\\n  host-ca/ /x/",
        "COPY a \\\n# with a comment between\n  host-ca/ /x/",
        "COPY host-* /x/",
        "FROM --platform=linux/amd64 Builder AS last",
    ],
)
def test_a_dockerfile_whose_last_stage_takes_the_ca_bundle_is_refused(folder: Path, last_stage: str) -> None:
    dockerfile = (
        f"FROM debian AS builder\nCOPY host-ca/ /y/\nRUN make\nFROM debian\n{last_stage}\nRUN rm -rf /x\n"
    )
    with pytest.raises(CaptureError, match="stay in the image"):
        check_ca_stays_out(dockerfile)
    (folder / "Dockerfile").write_text(dockerfile)
    with pytest.raises(CaptureError, match="stay in the image"):
        context(folder)


def test_a_builder_stage_may_take_the_ca_bundle() -> None:
    check_ca_stays_out(
        "FROM debian AS builder\nCOPY host-ca/ /usr/local/share/ca-certificates/\nRUN make\n"
        "FROM debian\nCOPY --from=builder /made /made\nCOPY a b /x/\n# COPY host-ca/ /x/\n"
    )
