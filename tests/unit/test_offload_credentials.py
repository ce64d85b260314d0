"""Credentials as they are handed over: every form that users have, and nothing of them in any message."""

import os
import stat
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from offload.credentials import PROFILES, Credentials, CredentialsError, parse, write

ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY=EXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEJr//////////wEaDA=="
LASTING = Credentials(ID, SECRET)
TEMPORARY = Credentials(ID, SECRET, TOKEN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\n", LASTING),
        (
            f"PATH=/bin\nAWS_REGION=x\nAWS_SESSION_TOKEN={TOKEN}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_ACCESS_KEY_ID={ID}",
            TEMPORARY,
        ),
        (f"export AWS_ACCESS_KEY_ID='{ID}'\r\n  export AWS_SECRET_ACCESS_KEY=\"{SECRET}\"\r\n", LASTING),
        (f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN=\n", LASTING),
        (f"[default]\naws_access_key_id={ID}\naws_secret_access_key = {SECRET}\nregion = x\n", LASTING),
        (
            f"# mine\n[work]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n",
            TEMPORARY,
        ),
        (
            f"[other]\naws_access_key_id = x\n[default]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n",
            LASTING,
        ),
    ],
)
def test_what_is_read(text: str, expected: Credentials) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("credentials", [LASTING, TEMPORARY])
def test_there_and_back(credentials: Credentials) -> None:
    assert parse(credentials.as_lines()) == credentials
    assert parse(credentials.as_file()) == credentials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (f"AWS_ACCESS_KEY_ID={ID}", "missing: AWS_SECRET_ACCESS_KEY"),
        (f"AWS_ACCESS_KEY_ID=short\nAWS_SECRET_ACCESS_KEY={SECRET}", "AWS_ACCESS_KEY_ID is no"),
        (f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET} {SECRET}", "AWS_SECRET_ACCESS_KEY is no"),
        (f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY='{SECRET} x'", "AWS_SECRET_ACCESS_KEY is no"),
        (
            f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\nAWS_SESSION_TOKEN=a\x01b",
            "AWS_SESSION_TOKEN is no",
        ),
        (f"[a]\naws_access_key_id={ID}\n[b]\naws_secret_access_key={SECRET}", "2 profiles"),
        (f"[default]\n{SECRET.replace(chr(61), chr(32))}\n", "no AWS credentials file"),
        (f"[default]\naws_access_key_id={ID}\naws_access_key_id={SECRET}\n", "no AWS credentials file"),
    ],
)
def test_what_cant_be_used(text: str, message: str) -> None:
    with pytest.raises(CredentialsError) as raised:
        parse(text)
    told = f"{raised.value} {raised.value.hint} {raised.value.__cause__}"
    assert message in told
    assert SECRET not in told
    assert "\n" not in told


def test_nothing_shows_in_a_repr() -> None:
    assert not any(secret in repr(TEMPORARY) for secret in (ID, SECRET, TOKEN))


def test_the_file_is_this_users_alone_and_has_both_profiles(tmp_path: Path) -> None:
    path = tmp_path / "offload" / "credentials"
    before = os.umask(0)
    write(LASTING, path)
    write(TEMPORARY, path)
    os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]
    read = ConfigParser(interpolation=None)
    read.read(path)
    assert read.sections() == list(PROFILES)
    for profile in PROFILES:
        assert dict(read[profile]) == {
            "aws_access_key_id": ID,
            "aws_secret_access_key": SECRET,
            "aws_session_token": TOKEN,
        }


def test_a_folder_that_others_can_read_or_a_link_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o750)
    (tmp_path / "mine").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for folder in ("open", "link"):
        with pytest.raises(PermissionError):
            write(LASTING, tmp_path / folder / "credentials")
    assert not list(tmp_path.rglob("credentials*"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"\xff", "no text"),
        (b"A" * 70_000, "too much"),
        (f"AWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET} {SECRET}".encode(), "no secret key"),
    ],
)
def test_the_command_refuses_in_one_line(given: bytes, message: str) -> None:
    ended = subprocess.run(
        (sys.executable, "-m", "offload.receive_credentials"),
        input=given,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == b""
    told = ended.stderr.decode()
    assert told.count("\n") == 1
    assert message in told
    assert "Hint: " in told
    assert SECRET not in told
