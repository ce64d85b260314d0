"""A package as Amazon's of the CloudWatch Agent, with a stand-in for its programs."""

import shutil
import subprocess
from pathlib import Path

import pytest

_STAND_IN = Path(__file__).parent / "stand_ins" / "amazon-cloudwatch-agent"


def stand_in_package(folder: Path) -> Path:
    """Make it in ``folder``; the test is skipped where there is nothing to make it with."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("there is no dpkg-deb here to make a package with")
    programs = folder / "root" / "opt/aws/amazon-cloudwatch-agent/bin"
    programs.mkdir(parents=True)
    for name in ("amazon-cloudwatch-agent", "config-translator"):
        shutil.copy(_STAND_IN, programs / name)
    (folder / "root" / "DEBIAN").mkdir()
    architecture = _output("dpkg", "--print-architecture").strip()
    (folder / "root" / "DEBIAN" / "control").write_text(
        f"Package: amazon-cloudwatch-agent\nVersion: 0\nArchitecture: {architecture}\nMaintainer: test\nDescription: stand-in\n"
    )
    made = folder / "agent.deb"
    _output("dpkg-deb", "--root-owner-group", "--build", str(folder / "root"), str(made))
    return made


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
