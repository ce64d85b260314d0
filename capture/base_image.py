"""The Debian image that everything is built on: the engine's own, a registry's, or one bootstrapped here.

A bootstrapped image gets the name that a pull would give it, so the choice is made once per machine.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from capture.console import Console
from capture.debian_release import bootstrap_suite
from capture.engine import LABEL, Engine
from capture.errors import UserError, bad_input
from capture.pinned_image import pull_pinned
from capture.pull_error import PullError, PullFailure
from capture.reference import parse_pinned
from capture.versions import HAPROXY

_SCRIPTS = Path("/usr/share/debootstrap/scripts")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# What the slim images of the registry leave out, so that both ways lead to about the same image.
_SLIM = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/lintian/*",
)
_SLIM_KEEP = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")


def ensure_base_image(engine: Engine, name: str, console: Console) -> None:
    """See to it that ``engine`` has the image ``name``.

    Raises:
        UserError: it is nowhere (exit code 2), or the bootstrap failed (1).
    """
    if engine.image_id(name) is not None:
        digest = engine.image_digest(name)
        console.detail(f"Base image {name}: the engine has it{_of(digest) or ', made here'}")
        return
    console.progress(f"Base image {name}: asking the registry")
    try:
        digest = pull_pinned(engine, name)
    except PullError as error:
        suite = bootstrap_suite(name)
        if suite is None:
            raise _unknown(name, error) from error
        _check_tools(name)
        console.detail(f"  {error}")
        console.progress(
            f"Base image {name}: {error.why}, so it is bootstrapped from Debian's archive (about 25 s, once)"
        )
        bootstrap(engine, name, suite, console)
    else:
        console.progress(f"Base image {name}: pulled from the registry{_of(digest)}")


def bootstrap(engine: Engine, name: str, suite: str, console: Console) -> None:
    """Make the image ``name`` from the package archive with debootstrap. Needs root.

    Raises:
        UserError: debootstrap failed.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-traffic-capture-base-") as temporary:
        root = Path(temporary) / "root"
        root.mkdir(mode=0o755)
        _debootstrap(root, suite, console)
        _slim(root)
        with subprocess.Popen(
            ["tar", "--create", "--numeric-owner", "--one-file-system", f"--directory={root}", "."],
            stdout=subprocess.PIPE,
        ) as tar:
            assert tar.stdout is not None
            engine.import_image(tar.stdout, name, {LABEL: f"bootstrapped-{suite}"}, ["bash"])
        if tar.returncode != 0:
            engine.remove_image(name)
            raise UserError(
                f"base image {name}: packing it failed (tar: {tar.returncode})", hint="is the disk full?"
            )


def _of(digest: str | None) -> str:
    return "" if digest is None else f" ({digest})"


def _debootstrap(root: Path, suite: str, console: Console) -> None:
    # Forced: where the keyring is missing debootstrap only warns, and takes what the network gives.
    command = [
        "debootstrap",
        "--force-check-gpg",
        f"--keyring={_KEYRING}",
        "--variant=minbase",
        suite,
        str(root),
    ]
    if not (_SCRIPTS / suite).exists():
        # A release that is newer than this debootstrap: sid's script fits it; '' is the default archive.
        command += ["", "sid"]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
                console.detail(line.rstrip())
        except BaseException:
            # Its mounts and processes must be gone before the folder is removed.
            process.terminate()
            raise
    if process.returncode != 0:
        raise UserError(
            f"debootstrap of {suite} failed (exit code {process.returncode})",
            hint="does `apt-get update` work on this machine? For `signed by unknown key`, and a release that is newer than this "
            "machine's: apt-get install debian-archive-keyring",
            detail="\n".join(lines[-10:]),
        )


def _slim(root: Path) -> None:
    """Drop what a container has no use for, now and when packages are installed later."""
    for pattern in ("var/lib/apt/lists/*", "var/cache/apt/*", "var/log/*", "var/cache/debconf/*-old"):
        for path in root.glob(pattern):
            _remove(path)
    (root / "var/log/apt").mkdir()
    keep = {path for pattern in _SLIM_KEEP for path in root.glob(pattern[1:])}
    for pattern in _SLIM:
        for path in root.glob(pattern[1:]):
            if not any(path in (kept, *kept.parents) for kept in keep):
                _remove(path)
            elif path.is_dir():
                for child in path.iterdir():
                    if child not in keep:
                        _remove(child)
    rules = [f"path-exclude {pattern}" for pattern in _SLIM] + [
        f"path-include {pattern}" for pattern in _SLIM_KEEP
    ]
    (root / "etc/dpkg/dpkg.cfg.d/container").write_text("\n".join(rules) + "\n")
    # Services must not start while packages are installed.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _check_tools(name: str) -> None:
    if shutil.which("debootstrap") is None:
        raise UserError(
            f"base image {name} can't be pulled, and there is no debootstrap to make it from Debian's archive",
            hint="apt-get install debootstrap debian-archive-keyring, or load the image: docker load -i FILE",
        )
    if not _KEYRING.exists():
        raise UserError(
            f"base image {name} can't be pulled, and there are no keys here to check Debian's archive with ({_KEYRING})",
            hint="apt-get install debian-archive-keyring, or load the image: docker load -i FILE",
        )
    if os.geteuid() != 0:
        raise UserError(
            f"base image {name} can't be pulled, and to make it from Debian's archive takes root",
            hint="run this once as root (sudo), or load the image: docker load -i FILE",
        )


def _unknown(name: str, error: PullError) -> UserError:
    suites = ", ".join(f"debian:{suite}-slim" for suite in HAPROXY)
    made = f"these can be made without a registry: {suites}"
    match error.failure:
        case PullFailure.ABSENT:
            return bad_input(f"--base-image: there is no image '{name}': {error}", f"one of: {suites}")
        case PullFailure.UNREACHABLE:
            what = f"--base-image: the engine has no image '{name}', and no registry answers: {error}"
            return bad_input(what, made)
        case PullFailure.REFUSED:
            hint = f"does it take `docker login {parse_pinned(name)[0].domain}`? Or {made}"
            return bad_input(f"--base-image: the engine has no image '{name}', and {error.why}", hint)
        case _:
            hint = f"try again; or {made}"
            return bad_input(f"--base-image: the engine has no image '{name}', and {error.why}", hint)
