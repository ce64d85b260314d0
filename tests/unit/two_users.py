"""Two users of this machine that stand for the container's: whoever calls, and the one whose files it must not get at. Needs root."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALLER, OFFLOAD, GROUP = 54301, 54302, 54301
SECRET = "aws_secret_access_key = wJalrXUtnFEMI\n"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that all users get into; pytest's own is for one."""
    folder = Path(tempfile.mkdtemp(prefix="capture-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def owned(path: Path, user: int, mode: int, text: str | None = None) -> Path:
    """A file with this text, or a folder."""
    if text is None:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.write_text(text)
    os.chown(path, user, GROUP)
    path.chmod(mode)
    return path


_AS_THE_OFFLOAD = f"""
import os, sys
os.setgroups([])
os.setresgid({GROUP}, {GROUP}, {GROUP})
os.setresuid({CALLER}, {OFFLOAD}, {OFFLOAD})
os.umask(0o007)
"""


def run_as_the_offload(
    imports: str, script: str, *arguments: str | Path
) -> "subprocess.CompletedProcess[str]":
    """Python with the users that ``as-offload`` gives a program; imports come first, since this folder may be root's alone."""
    return subprocess.run(
        (sys.executable, "-c", f"{imports}\n{_AS_THE_OFFLOAD}\n{script}", *arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
