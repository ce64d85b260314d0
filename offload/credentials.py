"""AWS credentials as a user hands them over, and as the file in memory that boto3 and the CloudWatch Agent read."""

import configparser
import os
import re
import shlex
import stat
from dataclasses import dataclass, field
from pathlib import Path

CREDENTIALS = Path("/dev/shm/offload/credentials")  # noqa: S108 - Docker mounts a tmpfs there, which ends with the container
"""AWS's "shared credentials file", in memory, readable by the offload's user alone."""

PROFILES = ("default", "AmazonCloudWatchAgent")
"""Both hold the same; the second is the name that the CloudWatch Agent is told to look for."""

_FIELDS = {
    "AWS_ACCESS_KEY_ID": "aws_access_key_id",
    "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key",
    "AWS_SESSION_TOKEN": "aws_session_token",
}
# Whoever pipes `env` in names more than is wanted here.
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
# The service's own bounds for a key's id (IAM, AccessKey); a secret and a token are of any printable characters.
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_SECRET = re.compile(r"[!-~]{1,8192}")

MOST_BYTES = 64 * 1024
"""No input is longer."""


class CredentialsError(ValueError):
    """Input that can't be used; no secret is in the text. ``hint`` says what to hand over instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Credentials:
    """One set of them. Not shown by ``repr``.

    Raises:
        CredentialsError: a value that is none.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.access_key_id):
            raise CredentialsError(
                "AWS_ACCESS_KEY_ID is no access key's id",
                "it is 16 or more letters and digits, AKIA... or ASIA...",
            )
        if not _SECRET.fullmatch(self.secret_access_key):
            raise CredentialsError("AWS_SECRET_ACCESS_KEY is no secret key", "it has no spaces in it")
        if self.session_token is not None and not _SECRET.fullmatch(self.session_token):
            raise CredentialsError("AWS_SESSION_TOKEN is no session token", "it has no spaces in it")

    @property
    def temporary(self) -> bool:
        """Whether they end by themselves, and have to be renewed before."""
        return self.session_token is not None

    def as_lines(self) -> str:
        """In the form that `parse` reads first."""
        lines = [
            f"AWS_ACCESS_KEY_ID={self.access_key_id}",
            f"AWS_SECRET_ACCESS_KEY={self.secret_access_key}",
        ]
        if self.session_token is not None:
            lines.append(f"AWS_SESSION_TOKEN={self.session_token}")
        return "\n".join(lines) + "\n"

    def as_file(self) -> str:
        """As AWS's shared credentials file."""
        values = [
            f"aws_access_key_id = {self.access_key_id}",
            f"aws_secret_access_key = {self.secret_access_key}",
        ]
        if self.session_token is not None:
            values.append(f"aws_session_token = {self.session_token}")
        return "\n".join("\n".join([f"[{profile}]", *values, ""]) for profile in PROFILES)


def parse(text: str) -> Credentials:
    """Read lines ``AWS_ACCESS_KEY_ID=...`` (with or without ``export``, among others), or an AWS credentials file.

    Raises:
        CredentialsError: it is neither, or something is missing.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    values = _from_file(text) if any(line.startswith("[") for line in lines) else _from_lines(lines)
    missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not values.get(name)]
    if missing:
        raise CredentialsError(
            f"missing: {' and '.join(missing)}",
            "give lines AWS_ACCESS_KEY_ID=..., AWS_SECRET_ACCESS_KEY=... and, for temporary ones, AWS_SESSION_TOKEN=...",
        )
    return Credentials(
        values["AWS_ACCESS_KEY_ID"],
        values["AWS_SECRET_ACCESS_KEY"],
        values.get("AWS_SESSION_TOKEN") or None,
    )


def _from_lines(lines: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in lines:
        match = _ASSIGNMENT.fullmatch(line)
        if match and match[1] in _FIELDS:
            values[match[1]] = _unquoted(match[2])
    return values


def _unquoted(value: str) -> str:
    if value[:1] not in ("'", '"'):
        return value.strip()
    try:
        words = shlex.split(value)
    except ValueError:
        return value
    return words[0] if len(words) == 1 else value


def _from_file(text: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except configparser.Error:
        # Its text has the line in it.
        raise CredentialsError("this is no AWS credentials file", "it has a line [default]") from None
    sections = parser.sections()
    if "default" not in sections and len(sections) != 1:
        raise CredentialsError(
            f"there are {len(sections)} profiles, and none is 'default'", "give the lines of one profile"
        )
    section = parser["default" if "default" in sections else sections[0]]
    return {name: section[key] for name, key in _FIELDS.items() if key in section}


def make_private(folder: Path) -> None:
    """Have the folder, for this user alone.

    Raises:
        OSError: it can't be made, or is another's too.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    # Anybody may make a folder in /dev/shm.
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o077:
        raise PermissionError(f"{folder} is not the folder of this user alone")


def write(credentials: Credentials, path: Path = CREDENTIALS) -> None:
    """Put ``credentials`` in place of those that are there, at once.

    Raises:
        OSError: the folder can't be made, or is not this user's alone.
    """
    make_private(path.parent)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    # 0400: the CloudWatch Agent, of this user, writes its state through any link that it finds in the log's folder.
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
    try:
        with os.fdopen(file, "w", encoding="ascii") as target:
            target.write(credentials.as_file())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
