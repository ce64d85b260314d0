"""The CloudWatch Agent's Debian package: fetched and verified on the host, so that a build needs nothing but Debian's archive.

``auto`` (the official package, when AWS credentials are exported), ``official``, ``none``, a URL, or a file. ``#sha256=HEX`` behind the last two
is what it must be. Without it, what comes over the network must have Amazon's signature, ``URL.sig``.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import requests

from capture.console import Console
from capture.errors import CaptureError, bad_input
from capture.private_folder import make_private
from capture.signature import signature_fault

# AmazonCloudWatch/latest/monitoring/verify-CloudWatch-Agent-Package-Signature.html
_HOST = "https://amazoncloudwatch-agent.s3.amazonaws.com"
_OFFICIAL = {
    "amd64": f"{_HOST}/debian/amd64/latest/amazon-cloudwatch-agent.deb",
    "arm64": f"{_HOST}/ubuntu/arm64/latest/amazon-cloudwatch-agent.deb",
}
_KEY = f"{_HOST}/assets/amazon-cloudwatch-agent.gpg"
FINGERPRINT = "937616F3450B7D806CBD9725D58167303B789C72"
"""Of Amazon's key for it, as that page has it."""

_CONNECT_S = 5
_SILENCE_S = 30
_MOST_BYTES = 1 << 30
_BLOCK_BYTES = 1 << 20
_DEB = b"!<arch>\ndebian-binary"
_SHA256 = re.compile(r"(?P<where>.*)#sha256=(?P<digest>[0-9a-fA-F]{64})")
_WORDS = ("auto", "official", "none")
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


class PackageError(CaptureError):
    """It can't be had, or is not what it should be; the text says why in one line."""


def check_cloudwatch_agent(wanted: str) -> None:
    """Look at the option before anything is built.

    Raises:
        UserError: (exit code 2) a file that is missing or no package, a digest that is none.
    """
    where, digest = _parted(wanted)
    if where in _WORDS:
        if digest:
            raise bad_input(f"--cloudwatch-agent: {where} has no #sha256", "give it behind a URL or a file")
        return
    if "#sha256" in where:
        raise bad_input(
            "--cloudwatch-agent: the SHA-256 is none", "write it as URL#sha256=64 hexadecimal digits"
        )
    if _is_url(where):
        return
    try:
        with Path(where).open("rb") as file:
            is_deb = file.read(len(_DEB)) == _DEB
    except OSError as error:
        raise bad_input(
            f"--cloudwatch-agent: '{where}' can't be read: {error.strerror}",
            f"name a .deb file or its URL, or one of: {', '.join(_WORDS)}",
        ) from error
    if not is_deb:
        raise bad_input(
            f"--cloudwatch-agent: '{where}' is no Debian package", "it is a .deb, not a .rpm or .zip"
        )


def cloudwatch_package(
    wanted: str, architecture: str, environment: Mapping[str, str], console: Console
) -> Path | None:
    """The package as a file, verified; None, and a line of progress that says why, where it is not wanted or can't be had.

    Raises:
        UserError: (exit code 2) a file or a download is not what its ``#sha256`` says.
    """
    where, digest = _parted(wanted)
    if where == "none" or (where == "auto" and not any(environment.get(name) for name in _CREDENTIALS)):
        console.detail("  the image is built without the CloudWatch Agent")
        return None
    if where not in _WORDS and not _is_url(where):
        return _checked(Path(where), digest, Path(where).name)
    try:
        url = _official(architecture) if where in _WORDS else where
        console.progress(f"  getting the CloudWatch Agent: {url}")
        return _fetched(url, digest, _cache(environment))
    except PackageError as error:
        console.progress(f"the CloudWatch Agent can't be had, the image is built without it: {error}")
        return None


def _parted(wanted: str) -> tuple[str, str]:
    match = _SHA256.fullmatch(wanted)
    return (match["where"], match["digest"].lower()) if match else (wanted, "")


def _is_url(where: str) -> bool:
    return where.startswith(("https://", "http://"))


def _official(architecture: str) -> str:
    try:
        return _OFFICIAL[architecture]
    except KeyError:
        raise PackageError(f"there is none for {architecture}") from None


def _checked(package: Path, digest: str, name: str) -> Path:
    if digest and (found := _sha256(package)) != digest:
        raise bad_input(
            f"--cloudwatch-agent: '{name}' has the SHA-256 {found}",
            "get the right file, or the right digest",
        )
    return package


def _cache(environment: Mapping[str, str]) -> Path:
    home = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "cluster-traffic-capture" / "cloudwatch-agent"


def _fetched(url: str, digest: str, cache: Path) -> Path:
    """The package from ``url``, or as it was fetched before where that is still the same, or nobody answers."""
    try:
        make_private(cache, "the cache of the CloudWatch Agent's package")
        known = _known(cache, url, digest)
        if digest and known is not None:
            return known[0]
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            return _download(url, digest, cache, known, Path(folder))
    except requests.RequestException as error:
        known = _known(cache, url, digest)
        if known is not None:
            return known[0]
        raise PackageError(_in_short(error)) from error
    except OSError as error:
        raise PackageError(str(error)) from error


def _download(url: str, digest: str, cache: Path, known: tuple[Path, str] | None, folder: Path) -> Path:
    new = folder / "package.deb"
    tag = _get(url, new, known[1] if known else "")
    if known is not None and not new.exists():
        return known[0]
    with new.open("rb") as file:
        if file.read(len(_DEB)) != _DEB:
            raise PackageError(f"{url} is no Debian package")
    # Nothing enters the cache unverified: a later use takes what is there.
    if digest:
        _checked(new, digest, url.rpartition("/")[2])
    else:
        _verify(url, new, folder)
    package = cache / f"{_sha256(new)}.deb"
    new.replace(package)
    told = {"url": url, "file": package.name, "etag": tag, "signed": not digest}
    _index(cache, url).write_text(json.dumps(told))
    return package


def _known(cache: Path, url: str, digest: str) -> tuple[Path, str] | None:
    """What was fetched from there before, with its tag (RFC 9110 8.8.3), if it is of this digest; without one, if its signature was verified."""
    try:
        index = json.loads(_index(cache, url).read_text())
        package = cache / index["file"]
        wanted = package.stem == digest if digest else index["signed"] is True
        return (package, index["etag"]) if wanted and package.stem == _sha256(package) else None
    except (OSError, ValueError, KeyError):
        return None


def _index(cache: Path, url: str) -> Path:
    return cache / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"


def _get(url: str, target: Path, tag: str = "") -> str:
    """Fetch to ``target``; nothing is written when it still has the tag. Its tag."""
    headers = {"If-None-Match": tag} if tag else {}
    with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT_S, _SILENCE_S)) as answer:
        if answer.status_code == requests.codes.not_modified:
            return tag
        if answer.status_code != requests.codes.ok:
            raise PackageError(f"{url}: {answer.status_code} {answer.reason}")
        size = 0
        with target.open("wb") as file:
            for block in answer.iter_content(_BLOCK_BYTES):
                size += len(block)
                if size > _MOST_BYTES:
                    raise PackageError(f"{url} is longer than {_MOST_BYTES} bytes")
                file.write(block)
        return answer.headers.get("ETag", "")


def _verify(url: str, package: Path, folder: Path) -> None:
    """Check Amazon's signature."""
    if shutil.which("gpg") is None:
        raise PackageError("its signature can't be verified: there is no gpg here (or give #sha256=HEX)")
    signature, key, home = folder / "package.sig", folder / "key.gpg", folder / "gnupg"
    _get(f"{url}.sig", signature)
    _get(_KEY, key)
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--homedir", str(home), "--batch", "--no-tty", "--no-autostart", "--status-fd", "1")
    _gpg((*gpg, "--import", str(key)))
    fault = signature_fault(_gpg((*gpg, "--verify", str(signature), str(package))), FINGERPRINT)
    if fault is not None:
        raise PackageError(f"it is not signed by Amazon: {fault}")


def _gpg(command: tuple[str, ...]) -> str:
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    return ended.stdout


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_short(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "nobody answers in time"
    if isinstance(error, requests.ConnectionError):
        return "the network does not reach it"
    return str(error).splitlines()[0][:200]
