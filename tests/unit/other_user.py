"""Another user of the machine, played by root."""

import os
import subprocess
from pathlib import Path

import pytest

OTHER = 65534


def needs_root() -> None:
    """Skip where nobody else can be played."""
    if os.geteuid() != 0:
        pytest.skip("only root can play another user")


def as_other(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script as that user, who may not be able to read this Python."""
    return subprocess.run(
        ("sh", "-c", script, "sh", *words),
        user=OTHER, group=OTHER, extra_groups=(), cwd="/", capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )  # fmt: skip


def public_folder(tmp_path: Path) -> Path:
    """A folder like /tmp, which that user reaches."""
    folder = tmp_path / "public"
    folder.mkdir()
    folder.chmod(0o1777)
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            if "pytest" not in str(parent):
                pytest.skip(f"another user does not come through {parent}")
            parent.chmod(parent.stat().st_mode | 0o011)
    return folder
