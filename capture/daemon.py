"""A Docker engine of the project's own, for machines that have none: installed, started and stopped here.

Its files live in one folder, which stays between runs so that images and layers are cached.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from capture.engine import Engine, connect
from capture.errors import ExitCode, UserError
from capture.private_folder import make_private
from capture.versions import ENGINE_FILES, ENGINE_PACKAGES

_START_S = 60
_STOP_S = 30
_POLL_S = 0.2
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GET_ONE = "install Docker (docs.docker.com/engine/install), or point DOCKER_HOST at an engine that is reached from here"


class Daemon:
    """The engine in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.log = folder / "dockerd.log"
        self._pid_file = folder / "dockerd.pid"

    def answers(self) -> bool:
        """Whether it runs."""
        if self.pid() is None:
            return False
        try:
            self.connect().close()
        except UserError:
            return False
        return True

    def connect(self) -> Engine:
        """The engine behind it.

        Raises:
            UserError: it does not answer.
        """
        return connect(self.host)

    def pid(self) -> int | None:
        """Its process, or None. A number that now belongs to another program is none."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self._pid_file).encode() in command else None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            UserError: it ended, or did not answer within 60 s.
        """
        make_private(self.folder, "the local engine's folder")
        if self.pid() is None:
            self._pid_file.unlink(missing_ok=True)
        command = [
            "dockerd",
            f"--host={self.host}",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/exec",
            "--pidfile",
            str(self._pid_file),
        ]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl+C on the terminal is for the command, which the engine outlives.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
            )
        try:
            self._wait(process)
        except BaseException:
            process.terminate()
            process.wait()
            raise

    def stop(self) -> None:
        """Stop it, by its own pid file; fine when it does not run."""
        pid = self.pid()
        if pid is None:
            return
        for signal_number, wait_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, 5)):
            os.kill(pid, signal_number)
            deadline = time.monotonic() + wait_s
            while time.monotonic() < deadline:
                if _ended(pid):
                    self._pid_file.unlink(missing_ok=True)
                    return
                time.sleep(_POLL_S)
        raise UserError(f"the local engine (process {pid}) does not end", hint=f"its log is {self.log}")

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_S
        while not self.answers():
            if process.poll() is not None:
                raise self._failed(f"dockerd ended with exit code {process.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(f"dockerd did not answer within {_START_S} s")
            time.sleep(_POLL_S)

    def _failed(self, what: str) -> UserError:
        lines = self.log.read_text(errors="replace").splitlines()[-10:]
        return UserError(
            f"no Docker engine could be started: {what}",
            hint=f"its log is {self.log}; or {_GET_ONE}",
            exit_code=ExitCode.NO_ENGINE,
            detail="\n".join(lines),
        )


def missing_packages() -> list[str]:
    """Debian packages that a local engine still needs here."""
    programs = [
        package for program, package in ENGINE_PACKAGES.items() if shutil.which(program, path=_path()) is None
    ]
    return programs + [package for file, package in ENGINE_FILES.items() if not Path(file).exists()]


def check_allowed() -> None:
    """Check that an engine may be installed and started here.

    Raises:
        UserError: (exit code 3) not root, not Debian or Ubuntu, or another engine would be disturbed.
    """
    if os.geteuid() != 0:
        raise _not_here("only root can start one (sudo)")
    if missing_packages() and shutil.which("apt-get") is None:
        raise _not_here("it can be installed on Debian and Ubuntu only")
    other = _other_daemon()
    if other is not None:
        # A starting dockerd empties the firewall chains that all engines of a machine share.
        pid, host = other
        raise UserError(
            f"another Docker engine runs here (process {pid}), and starting a second would cut its containers off",
            hint=f"use that one: DOCKER_HOST={host}" if host else "point DOCKER_HOST at it",
            exit_code=ExitCode.NO_ENGINE,
        )


def install(progress: Callable[[str], None]) -> None:
    """Install what is missing of a local engine with apt.

    Raises:
        UserError: (exit code 3) apt failed.
    """
    packages = missing_packages()
    if not packages:
        return
    progress(f"Installing {' '.join(packages)}")
    environment = {**_environment(), "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise UserError(
                f"'{' '.join(command)}' failed (exit code {done.returncode})",
                hint=_GET_ONE,
                exit_code=ExitCode.NO_ENGINE,
                detail="\n".join(done.stdout.splitlines()[-10:]),
            )


def _not_here(why: str) -> UserError:
    return UserError(
        f"no Docker engine answers, and none can be started here: {why}",
        hint=_GET_ONE,
        exit_code=ExitCode.NO_ENGINE,
    )


def _other_daemon() -> tuple[int, str | None] | None:
    """A dockerd in our network namespace: its process, and where it listens if its command line says so."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() != "dockerd":
                continue
            if (comm.parent / "ns/net").readlink() != Path("/proc/self/ns/net").readlink():
                continue
            command = (comm.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        host = re.search(r"(?:-H|--host)[ =]?(\S+)", command)
        return int(comm.parent.name), host[1] if host else None
    return None


def _ended(pid: int) -> bool:
    try:
        # A child of this process stays as a zombie until somebody asks for its end.
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return True
    except ChildProcessError:
        pass
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _path() -> str:
    # dockerd, iptables and ip live in /usr/sbin, which is not in everybody's PATH.
    return f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _path()}
