"""`as-offload`, compiled and set-uid as in the image: what of the caller's reaches a program that can read the credentials."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.two_users import CALLER, GROUP, OFFLOAD, ROOT, needs_root, open_folder, owned

SOURCE = ROOT / "docker_config_base" / "offload"

pytestmark = [
    needs_root,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc"),
    pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="there is no /usr/bin/python3"),
]

# Stands for each of the programs.
PROGRAM = """
import json, os, sys
print(json.dumps({"environment": dict(os.environ), "uid": os.getuid(), "euid": os.geteuid(), "program": sys.argv[0]}))
"""

# What an operator sets, and what somebody else would like to set in its place.
OPERATORS = {
    "CAPTURE_RUNTIME_DIR": "/run/capture",
    "https_proxy": "http://proxy.company:3128",
    "AWS_CA_BUNDLE": "/etc/company.pem",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/capture",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
}
ATTACKERS = {
    "CAPTURE_CONFIG_DIR": "/tmp/evil",
    "CAPTURE_RUNTIME_DIR": "/tmp/evil",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "no_proxy": "",
    "NO_PROXY": "",
    "SSL_CERT_FILE": "/tmp/evil.pem",
    "AWS_CA_BUNDLE": "/tmp/evil.pem",
    "AWS_PROFILE": "evil",
    "AWS_REGION": "evil-1",
    "AWS_DEFAULT_REGION": "evil-1",
    "AWS_ROLE_ARN": "arn:aws:iam::666666666666:role/evil",
    "AWS_ROLE_SESSION_NAME": "evil",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/home/offload/.aws/credentials",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/evil",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "evil",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/home/offload/.aws/credentials",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9/",
    "AWS_CONFIG_FILE": "/tmp/evil.config",
    "AWS_SHARED_CREDENTIALS_FILE": "/tmp/evil.config",
    "PYTHONPATH": "/tmp/evil",
    "HOME": "/tmp/evil",
    "LD_PRELOAD": "/tmp/evil.so",
    "TZ": "evil",
}
ALWAYS = {"PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


class Helper:
    """The program in a place of its own, and the caller's settings beside it."""

    def __init__(self, base: Path) -> None:
        self.program = base / "as-offload"
        self.private = base / "shm" / "offload"
        self.settings = owned(base / "settings", CALLER, 0o755)
        owned(base / "shm", 0, 0o1777)
        owned(self.settings / "offload.toml", CALLER, 0o600, "s3_endpoint = ''\n")
        owned(self.settings / "common-config.toml", CALLER, 0o644, "[credentials]\n")
        code = owned(base / "code" / "offload", 0, 0o755)
        owned(code.parent, 0, 0o755)
        for name in ("__init__", "__main__", "cloudwatch_agent", "receive_credentials"):
            owned(code / f"{name}.py", 0, 0o644, "" if name == "__init__" else PROGRAM)
        places = (f'-DPRIVATE="{self.private}"', f'-DHOME_OF_THE_CODE="{code.parent}"')
        warnings = ("-Wall", "-Wextra", "-Werror")
        subprocess.run(
            ("gcc", "-O1", *warnings, *places, "-o", self.program, *SOURCE.glob("*.c")), check=True
        )
        os.chown(self.program, OFFLOAD, GROUP)
        self.program.chmod(0o4750)

    def call(
        self, *words: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """As the proxy's user."""
        return subprocess.run(
            (self.program, *words),
            env=dict(environment or {}),
            user=CALLER,
            group=GROUP,
            extra_groups=(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def start(self, environment: Mapping[str, str] = OPERATORS) -> "subprocess.CompletedProcess[str]":
        """As ``capture-start`` does."""
        return self.call(
            "start", environment={"CAPTURE_CONFIG_DIR": str(self.settings), **environment, "OTHER": "x"}
        )

    def told(self, program: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        done = self.call(program, environment=environment)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def kept(self) -> Path:
        (found,) = self.private.glob("start.*")
        return found


@pytest.fixture(scope="module")
def compiled() -> Iterator[Helper]:
    with open_folder() as base:
        yield Helper(base)


@pytest.fixture
def helper(compiled: Helper) -> Iterator[Helper]:
    yield compiled
    shutil.rmtree(compiled.private, ignore_errors=True)


@pytest.mark.parametrize("program", ["offload", "cloudwatch-agent"])
def test_a_program_gets_what_the_container_was_started_with_and_nothing_of_the_callers(
    helper: Helper, program: str
) -> None:
    assert helper.start().returncode == 0
    told = helper.told(program, ATTACKERS)
    assert (told["uid"], told["euid"]) == (CALLER, OFFLOAD)
    environment = {name: value for name, value in told["environment"].items() if name not in ALWAYS}
    # Python's own.
    environment.pop("LC_CTYPE", None)
    assert environment == {**OPERATORS, "CAPTURE_CONFIG_DIR": str(helper.kept())}
    assert told["environment"]["HOME"] == "/home/offload"


def test_the_start_is_kept_once(helper: Helper) -> None:
    assert helper.start().returncode == 0
    again = helper.start(ATTACKERS)
    assert again.returncode != 0
    assert "File exists" in again.stderr
    assert helper.told("offload")["environment"]["https_proxy"] == OPERATORS["https_proxy"]


def test_nobody_keeps_one_after_a_start_that_failed(helper: Helper) -> None:
    # A disk that is full, for one: settings that can't be copied.
    (helper.settings / "cloudwatch-agent.json").mkdir()
    try:
        assert helper.start().returncode != 0
    finally:
        (helper.settings / "cloudwatch-agent.json").rmdir()
    assert helper.start(ATTACKERS).returncode != 0
    refused = helper.call("offload", environment=ATTACKERS)
    assert refused.returncode == 111
    assert "was not kept" in refused.stderr


def test_without_a_start_only_credentials_are_taken_and_nothing_is_passed_on(helper: Helper) -> None:
    for program in ("offload", "cloudwatch-agent"):
        refused = helper.call(program, environment=ATTACKERS)
        assert refused.returncode == 111
        assert refused.stdout == ""
    told = helper.told("credentials", ATTACKERS)
    assert told["environment"].keys() - {"LC_CTYPE"} == ALWAYS


def test_settings_are_those_of_the_start(helper: Helper) -> None:
    assert helper.start().returncode == 0
    folder = Path(helper.told("offload", {"CAPTURE_CONFIG_DIR": "/tmp"})["environment"]["CAPTURE_CONFIG_DIR"])
    before = (helper.settings / "offload.toml").read_text()
    (helper.settings / "offload.toml").write_text("s3_endpoint = 'http://127.0.0.1:9'\n")
    try:
        assert (folder / "offload.toml").read_text() == before
    finally:
        (helper.settings / "offload.toml").write_text(before)
    assert {path.name for path in folder.iterdir()} == {"offload.toml", "common-config.toml", "environment"}
    for path in (folder, *folder.iterdir(), helper.private):
        assert path.stat().st_mode & 0o077 == 0
        assert path.stat().st_uid == OFFLOAD
    # The CloudWatch Agent may be had to write through a link.
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o400}


def test_settings_that_the_caller_cant_read_are_not_kept(helper: Helper) -> None:
    secret = owned(helper.settings.parent / "secret", OFFLOAD, 0o600, "secret")
    (helper.settings / "cloudwatch-agent.json").symlink_to(secret)
    try:
        refused = helper.start()
    finally:
        (helper.settings / "cloudwatch-agent.json").unlink()
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr
    assert not (helper.kept() / "cloudwatch-agent.json").exists()


def test_what_an_earlier_container_left_goes_unless_it_is_in_use(helper: Helper) -> None:
    owned(helper.private, OFFLOAD, 0o700)
    left, used = (owned(helper.private / name, OFFLOAD, 0o700) for name in ("start.1.1", "start.2.1"))
    owned(left / "environment", OFFLOAD, 0o600, "https_proxy=old\0")
    owned(helper.private / "credentials", OFFLOAD, 0o600, "x")
    holder = os.open(used, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_SH)
    try:
        assert helper.start().returncode == 0
    finally:
        os.close(holder)
    assert not left.exists()
    assert used.exists()
    assert (helper.private / "credentials").exists()
    assert helper.told("offload")["environment"]["https_proxy"] == OPERATORS["https_proxy"]


def test_a_program_that_runs_holds_its_start(helper: Helper) -> None:
    assert helper.start().returncode == 0
    lock = os.open(helper.kept(), os.O_RDONLY)
    program = helper.program.parent / "code" / "offload" / "__main__.py"
    program.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    process = subprocess.Popen(
        (helper.program, "offload"),
        user=CALLER,
        group=GROUP,
        extra_groups=(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        process.communicate()
        program.write_text(PROGRAM)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)


@pytest.mark.parametrize(("user", "mode"), [(CALLER, 0o700), (OFFLOAD, 0o770), (0, 0o1777)])
def test_a_folder_that_others_write_in_is_not_used(helper: Helper, user: int, mode: int) -> None:
    owned(helper.private, user, mode)
    refused = helper.start()
    assert refused.returncode != 0
    assert "not the folder of this user alone" in refused.stderr
    assert helper.call("offload", environment=ATTACKERS).returncode == 111


def test_a_folder_that_is_a_link_is_not_used(helper: Helper) -> None:
    target = owned(helper.private.parent / "elsewhere", OFFLOAD, 0o700)
    helper.private.symlink_to(target)
    try:
        assert helper.start().returncode != 0
        assert list(target.iterdir()) == []
    finally:
        helper.private.unlink()


def test_it_runs_nothing_else(helper: Helper) -> None:
    assert helper.start().returncode == 0
    for words in (("sh",), (), ("offload", "x"), ("start", "x"), ("offload.cloudwatch_agent",)):
        refused = helper.call(*words)
        assert refused.returncode == 100
        assert "usage" in refused.stderr
