"""What is sent to the engine for an image build: a folder as a tar that is the same whenever the folder is.

The builder's cache compares contents, modes and owners, so umask, user and times of the checkout are left out. A CA bundle of
the host goes along as `host-ca/ca-bundle.crt`, for steps that need HTTPS behind a proxy that signs anew.
"""

import fnmatch
import io
import os
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from capture.errors import CaptureError

HOST_CA = "host-ca"
"""Folder of every build context; empty when the host names no CA bundle.

Only a stage that is not the last may ``COPY`` it: what a later step deletes is still in the layer that brought it."""

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")

_CONTINUED = re.compile(r"\\[ \t]*\n(?:[ \t]*#.*\n)*")
_INSTRUCTION = re.compile(r"^[ \t]*(FROM|COPY|ADD)[ \t]+(.+)$", re.IGNORECASE | re.MULTILINE)


def host_ca_bundle(environment: Mapping[str, str]) -> Path | None:
    """The CA bundle that the host's programs are told to use, if it is a file that can be read."""
    for variable in _CA_VARIABLES:
        path = Path(environment.get(variable, ""))
        if path.is_file() and os.access(path, os.R_OK):
            return path
    return None


def write_context(directory: Path, target: IO[bytes], ca_bundle: Path | None) -> None:
    """Write ``directory`` as a tar to ``target``.

    Raises:
        CaptureError: the Dockerfile would leave the CA bundle in the image.
    """
    check_ca_stays_out((directory / "Dockerfile").read_text())
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path in sorted(directory.rglob("*")):
            _add(tar, path.relative_to(directory).as_posix(), path)
        _add(tar, HOST_CA, None)
        if ca_bundle is not None:
            _add(tar, f"{HOST_CA}/ca-bundle.crt", ca_bundle)


def check_ca_stays_out(dockerfile: str) -> None:
    """Check that the last stage of ``dockerfile`` takes neither the host's CA bundle nor a stage that has it.

    Raises:
        CaptureError: it does.
    """
    stages: dict[str, bool] = {}
    name, has_ca = "", False
    for match in _INSTRUCTION.finditer(_CONTINUED.sub(" ", dockerfile)):
        words = match[2].split()
        if match[1].upper() == "FROM":
            words = [word for word in words if not word.startswith("--")]
            has_ca = stages.get(words[0].lower(), False)
            name = words[-1].lower()
        elif not any(word.startswith("--from=") for word in words):
            has_ca = has_ca or any(_names_host_ca(word) for word in words[:-1])
        stages[name] = has_ca
    if has_ca:
        raise CaptureError(f"the Dockerfile's last stage copies {HOST_CA}/, which would stay in the image")


def _names_host_ca(source: str) -> bool:
    first = source.strip('[]",').removeprefix("./").strip("/").partition("/")[0]
    return first in ("", ".") or fnmatch.fnmatchcase(HOST_CA, first)


def _add(tar: tarfile.TarFile, name: str, source: Path | None) -> None:
    info = tarfile.TarInfo(name)
    if source is None or source.is_dir():
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
        return
    content = source.read_bytes()
    info.size, info.mode = len(content), 0o755 if source.stat().st_mode & 0o100 else 0o644
    tar.addfile(info, io.BytesIO(content))
