"""A detached signature counts when gpg calls it good, and it is of the one key that was asked for, which is in force."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from capture.signature import signature_fault

SIGNED = b"what was signed"


@dataclass
class Keys:
    """A gpg home."""

    home: Path

    def gpg(self, *words: str, given: bytes = b"") -> str:
        done = subprocess.run(
            ("gpg", "--homedir", str(self.home), "--batch", "--passphrase", "", "--status-fd", "1", *words),
            input=given, capture_output=True, check=False,
        )  # fmt: skip
        return done.stdout.decode(errors="replace")

    def make(self, name: str, *words: str, lasts: str = "2d") -> str:
        """Make a key; its fingerprint."""
        created = self.gpg(*words, "--quick-gen-key", name, "ed25519", "sign", lasts)
        return created.split("KEY_CREATED P ")[1].split()[0]

    def sign(self, file: Path, *keys: str, at: tuple[str, ...] = ()) -> None:
        signers = [word for key in keys for word in ("--local-user", key)]
        self.gpg(*at, *signers, "--yes", "--detach-sign", str(file))

    def verify(self, file: Path) -> str:
        return self.gpg("--verify", f"{file}.sig", str(file))


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    if shutil.which("gpg") is None:
        pytest.skip("there is no gpg here")
    keys = Keys(tmp_path / "g")
    keys.home.mkdir(mode=0o700)
    yield keys
    subprocess.run(("gpgconf", "--homedir", str(keys.home), "--kill", "all"), check=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "package"
    file.write_bytes(SIGNED)
    return file


def test_a_good_signature_of_the_key(keys: Keys, file: Path) -> None:
    fingerprint = keys.make("amazon")
    keys.sign(file, fingerprint)
    assert signature_fault(keys.verify(file), fingerprint) is None


LONG_AGO = ("--faked-system-time", "20200101T000000")


def revoke(keys: Keys, fingerprint: str) -> None:
    """With the certificate that gpg made together with the key."""
    certificate = keys.home / "openpgp-revocs.d" / f"{fingerprint}.rev"
    keys.gpg("--import", given=certificate.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))


def expired_key(keys: Keys, file: Path) -> str:
    fingerprint = keys.make("amazon", *LONG_AGO)
    keys.sign(file, fingerprint, at=LONG_AGO)
    return fingerprint


def revoked_key(keys: Keys, file: Path) -> str:
    fingerprint = keys.make("amazon")
    keys.sign(file, fingerprint)
    revoke(keys, fingerprint)
    return fingerprint


def expired_signature(keys: Keys, file: Path) -> str:
    fingerprint = keys.make("amazon", *LONG_AGO, lasts="never")
    keys.sign(file, fingerprint, at=(*LONG_AGO, "--default-sig-expire", "1d"))
    return fingerprint


def tampered_file(keys: Keys, file: Path) -> str:
    fingerprint = keys.make("amazon")
    keys.sign(file, fingerprint)
    file.write_bytes(SIGNED + b"!")
    return fingerprint


def another_key(keys: Keys, file: Path) -> str:
    keys.sign(file, keys.make("somebody"))
    return keys.make("amazon")


def unknown_key(keys: Keys, file: Path) -> str:
    fingerprint = keys.make("amazon")
    keys.sign(file, fingerprint)
    keys.gpg("--yes", "--delete-secret-and-public-key", fingerprint)
    return fingerprint


def second_signature(keys: Keys, file: Path) -> str:
    """A good one of somebody's beside Amazon's, in one file."""
    fingerprint = keys.make("amazon")
    keys.sign(file, fingerprint, keys.make("somebody"))
    return fingerprint


def no_signature(keys: Keys, file: Path) -> str:
    Path(f"{file}.sig").write_bytes(b"no")
    return keys.make("amazon")


@pytest.mark.parametrize(
    ("make", "fault", "word"),
    [
        (expired_key, "key that has expired", "EXPKEYSIG"),
        (revoked_key, "key that was revoked", "REVKEYSIG"),
        (expired_signature, "its signature has expired", "EXPSIG"),
        (tampered_file, "does not fit it", "BADSIG"),
        (another_key, "of another key", "GOODSIG"),
        (unknown_key, "can't be checked", "ERRSIG"),
        (second_signature, "no good signature", "GOODSIG"),
        (no_signature, "no good signature", "NODATA"),
    ],
)
def test_every_other_one_is_refused_and_the_reason_told(
    keys: Keys, file: Path, make: Callable[[Keys, Path], str], fault: str, word: str
) -> None:
    fingerprint = make(keys, file)
    status = keys.verify(file)
    assert f"[GNUPG:] {word}" in status
    assert fault in str(signature_fault(status, fingerprint))
