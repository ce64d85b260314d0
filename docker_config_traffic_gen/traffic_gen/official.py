"""The official workloads: fetched as an archive of one commit, when both it and the documents that it points to can be reached.

They hold Python that OpenSearch Benchmark runs, so that which ones they are is the user's word, not that of a branch's last writer.
"""

import contextlib
import hashlib
import http.client
import io
import json
import re
import tarfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

_CONNECT_S = 5
_MOST_BYTES = 200 << 20
# A folder beside the workloads that their test procedures collect parts of themselves from.
_SHARED = "common_operations"


class UnreachableError(Exception):
    """They can't be fetched; ``str()`` says why, on one line."""


def fetch(url: str, commit: str, sha256: str, workloads: Sequence[str], directory: Path) -> None:
    """Unpack the ``workloads`` of ``commit`` into ``directory``; ``sha256``: what the archive must have, empty: anything.

    Raises:
        UnreachableError: something of it can't be fetched, or is not what it should be.
    """
    archive = _get(f"{url}/archive/{commit}.tar.gz")
    if archive is None:
        raise UnreachableError(f"{url} has no commit {commit}")
    found = hashlib.sha256(archive).hexdigest()
    if sha256 and found != sha256:
        raise UnreachableError(f"the archive of commit {commit} has the SHA-256 {found}")
    unpack(archive, workloads, directory)
    for place in sorted({place for name in workloads for place in corpora_urls(directory / name)}):
        _probe(place)


def unpack(archive: bytes, workloads: Sequence[str], directory: Path) -> None:
    """Unpack the folders ``workloads`` of ``archive``, and what they share; its one top folder is left out.

    Raises:
        UnreachableError: one is missing, or it is no archive.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for member in tar:
                _, *inner = PurePosixPath(member.name).parts
                if (
                    inner
                    and inner[0] in (*workloads, _SHARED)
                    and ".." not in inner
                    and (content := tar.extractfile(member))
                ):
                    path = directory.joinpath(*inner)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UnreachableError(f"what was fetched is no archive of workloads ({error})") from error
    missing = [name for name in workloads if not (directory / name / "workload.json").is_file()]
    if missing:
        raise UnreachableError(f"what was fetched has no workload '{missing[0]}'")


def corpora_urls(workload: Path) -> set[str]:
    """Where the documents of a workload are."""
    text = (workload / "workload.json").read_text(errors="replace")
    return {json.loads(found) for found in re.findall(r'"base-url"\s*:\s*("https?://[^"{]*")', text)}


def _get(url: str) -> bytes | None:
    """The content at ``url``, or None when there is none (404)."""
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_S) as answer:  # noqa: S310 - a setting that is http or https
            content = answer.read(_MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise UnreachableError(f"{url}: {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{url}: {getattr(error, 'reason', error)}") from error
    if len(content) > _MOST_BYTES:
        raise UnreachableError(f"{url}: over {_MOST_BYTES} bytes")
    return bytes(content)


def _probe(url: str) -> None:
    """Whatever answers, even with an error, is there: the names of the files are known to OpenSearch Benchmark alone."""
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - as above
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=_CONNECT_S).close()  # noqa: S310 - as above
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(f"{url}: {getattr(error, 'reason', error)}") from error
