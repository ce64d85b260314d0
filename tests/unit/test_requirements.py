"""What is installed from PyPI is pinned by version and SHA-256, down to the last dependency, and the .txt are what the .in ask for."""

import re
from pathlib import Path

import pytest

from capture.workspace import REPOSITORY

NAMES = (
    "requirements",
    "requirements-dev",
    "requirements-e2e",
    "requirements-bench",
    "requirements-pins",
    "docker_config_traffic_gen/requirements",
)
RENEW = "make requirements"


def wanted(name: str) -> dict[str, str]:
    """Requirement -> version, of an .in file and of those that it takes in."""
    found: dict[str, str] = {}
    for line in (REPOSITORY / f"{name}.in").read_text().splitlines():
        if line.startswith("-r "):
            found |= wanted(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            package, version = line.split("==")
            found[normal(package)] = version
    return found


def normal(package: str) -> str:
    """As the packaging specifications spell it, without extras."""
    return re.sub(r"[-_.]+", "-", package.partition("[")[0]).lower()


def locked(name: str) -> dict[str, tuple[str, str, list[str]]]:
    """Requirement -> version, the lines below it, and who asks for it, of a .txt file."""
    text = (REPOSITORY / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", text)
    found = {}
    for entry in entries:
        if entry.startswith("#"):
            continue
        first, *rest = entry.strip().splitlines()
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", first)
        assert match, f"{name}.txt: '{first}' is not pinned: {RENEW}"
        asked = [
            line.strip(" #").removeprefix("via").strip() for line in rest if line.strip().startswith("#")
        ]
        found[normal(match[1])] = match[2], entry, [each for each in asked if each]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_file_of_each_requirement_has_its_checksum(name: str) -> None:
    for package, (_, entry, _) in locked(name).items():
        hashes = re.findall(r"--hash=(\S+)", entry)
        assert hashes, f"{package} in {name}.txt: {RENEW}"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes)


@pytest.mark.parametrize("name", NAMES)
def test_both_files_agree(name: str) -> None:
    found, asked = locked(name), wanted(name)
    assert {package: found[package][0] for package in asked if package in found} == asked, RENEW
    for package, (_, _, reasons) in found.items():
        by_file = [each for each in reasons if each.startswith("-r ")]
        by_package = [normal(each) for each in reasons if not each.startswith("-")]
        # What nobody asks for any more was left behind; what asks must be there itself.
        assert by_file or by_package, f"{package} in {name}.txt: {RENEW}"
        assert not by_file or package in asked, f"{package} in {name}.txt: {RENEW}"
        assert set(by_package) <= found.keys()


def test_the_tests_use_what_the_commands_use() -> None:
    base, dev = locked("requirements"), locked("requirements-dev")
    assert {package: entry[0] for package, entry in base.items()} == {
        package: dev[package][0] for package in base
    }


def test_every_list_of_requirements_is_looked_at() -> None:
    there = {path.relative_to(REPOSITORY).with_suffix("").as_posix() for path in lists()}
    assert there == set(NAMES)


def test_nothing_is_installed_without_its_checksum() -> None:
    for place in ("Makefile", "docker_config_traffic_gen/Dockerfile"):
        installs = re.findall(r"pip install .*", (REPOSITORY / place).read_text())
        assert installs
        assert all("--require-hashes" in install for install in installs)
    assert '"--require-hashes"' in (REPOSITORY / "benchmarks/programs.py").read_text()


def lists() -> list[Path]:
    folders = (REPOSITORY, *REPOSITORY.glob("docker_config_*"))
    return [
        path
        for folder in folders
        for suffix in ("in", "txt")
        for path in folder.glob(f"requirements*.{suffix}")
    ]
