"""``python -m capture.local_engine run -- COMMAND``: a command with a Docker engine, one of our own when none answers.

Several may run at once: an engine's users hold a shared lock, which the system takes back however they end, and the last
one to leave stops the engine. A second lock orders starting and stopping.
"""

import fcntl
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from capture.command import CONTEXT, Command, Group
from capture.daemon import Daemon, check_allowed, install
from capture.engine import connect
from capture.engine_address import default_host
from capture.errors import ExitCode, UserError
from capture.private_folder import check_private, make_private
from capture.subcommand import run_subcommand, terminating

ENDS_WITH_COMMAND = "CAPTURE_ENGINE_ENDS"
"""Variable that tells a command that the engine is stopped after it, with all that it leaves there."""

FOLDER = "~/.cache/cluster-traffic-capture/engine"
"""Where the engine's files are unless ``CAPTURE_ENGINE_DIR`` names another place."""


class LocalEngine:
    """The project's own engine, shared by the processes that use it at one time."""

    def __init__(self, folder: Path, progress: Callable[[str], None]) -> None:
        self.daemon = Daemon(folder)
        self._progress = progress
        self._order = folder / "order.lock"
        self._users = folder / "users.lock"
        self._kept = folder / "kept"

    @contextmanager
    def used(self) -> Iterator[str]:
        """The engine for the time of a ``with`` block, as a value for ``DOCKER_HOST``.

        Raises:
            UserError: (exit code 3) it can't be installed or started.
        """
        make_private(self.daemon.folder, "the local engine's folder")
        with self._users.open("a") as users:
            try:
                with _locked(self._order):
                    self._start()
                    fcntl.flock(users, fcntl.LOCK_SH)
                yield self.daemon.host
            finally:
                # Nothing may cut the cleaning up short: a second Ctrl+C has to wait for it.
                with terminating(signal.SIG_IGN), _locked(self._order):
                    fcntl.flock(users, fcntl.LOCK_UN)
                    if not self.kept:
                        self._stop_if_unused()

    @property
    def kept(self) -> bool:
        """Whether it runs until `stop`, not only for those who use it."""
        return self._kept.exists()

    def keep(self) -> None:
        """Start it and let it run until `stop`."""
        make_private(self.daemon.folder, "the local engine's folder")
        with _locked(self._order):
            self._start()
            self._kept.touch()

    def stop(self) -> bool:
        """Stop it: now (True), or when the last that uses it leaves (False)."""
        if not self.daemon.folder.exists():
            return True
        check_private(self.daemon.folder, "the local engine's folder")
        with _locked(self._order):
            self._kept.unlink(missing_ok=True)
            return self._stop_if_unused()

    def _start(self) -> None:
        if self.daemon.answers():
            return
        check_allowed()
        install(self._progress)
        self._progress(f"Starting a Docker engine in {self.daemon.folder}")
        self.daemon.start()

    def _stop_if_unused(self) -> bool:
        with self._users.open("a") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if self.daemon.answers():
                engine = self.daemon.connect()
                try:
                    engine.remove_labelled()
                finally:
                    engine.close()
                    self.daemon.stop()
            return True


def run(command: Sequence[str], local: LocalEngine) -> int:
    """Run ``command`` with an engine; its exit code, or 128 + N when signal N ended it.

    Raises:
        UserError: (exit code 3) there is no engine, and none can be had; (2) there is no such command.
    """
    if engine_answers():
        return run_subcommand(command, {})
    with local.used() as host:
        ends = {} if local.kept else {ENDS_WITH_COMMAND: "1"}
        return run_subcommand(command, {"DOCKER_HOST": host} | ends)


def engine_answers() -> bool:
    """Whether an engine answers where Docker's own client looks for it."""
    try:
        connect().close()
    except UserError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


_folder = click.option(
    "--folder",
    envvar="CAPTURE_ENGINE_DIR",
    show_envvar=True,
    default=FOLDER,
    metavar="DIR",
    help="Where the engine's files and images are; kept between runs.",
)


@click.group("python -m capture.local_engine", cls=Group, context_settings=CONTEXT)
def main() -> None:
    """A Docker engine of the project's own, for machines that have none (Debian and Ubuntu, as root)."""


@main.command("run", cls=Command, context_settings={**CONTEXT, "ignore_unknown_options": True})
@_folder
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run_command(folder: str, command: tuple[str, ...]) -> int:
    """Run COMMAND with a Docker engine.

    When none answers one is installed and started for it, and stopped after it, with all that was created in it but
    the images. Ends with COMMAND's exit code; 3 when there is no engine to be had.

    Example: python -m capture.local_engine run -- docker info
    """
    with terminating(_exit):
        return run(command, _local(folder))


@main.command("start", cls=Command, context_settings=CONTEXT)
@_folder
def start_command(folder: str) -> None:
    """Start the engine and let it run; prints the line that tells a shell of it.

    Example: eval "$(python -m capture.local_engine start)"
    """
    local = _local(folder)
    local.keep()
    click.echo(f"export DOCKER_HOST={local.daemon.host}")


@main.command("stop", cls=Command, context_settings=CONTEXT)
@_folder
def stop_command(folder: str) -> None:
    """Stop the engine, and remove what was created in it but the images.

    Example: python -m capture.local_engine stop
    """
    click.echo("stopped" if _local(folder).stop() else "in use: it stops when the last that uses it ends")


@main.command("status", cls=Command, context_settings=CONTEXT)
@_folder
def status_command(folder: str) -> int:
    """Say which engine answers; ends with 3 when none does.

    Example: python -m capture.local_engine status
    """
    daemon = _local(folder).daemon
    if engine_answers():
        click.echo(f"an engine answers at {default_host()}")
    elif daemon.answers():
        click.echo(f"the local engine answers at {daemon.host} (process {daemon.pid()})")
    else:
        click.echo("no engine answers")
        return ExitCode.NO_ENGINE
    return ExitCode.DONE


def _local(folder: str) -> LocalEngine:
    return LocalEngine(Path(folder).expanduser().absolute(), _tell)


def _exit(signal_number: int, _frame: object) -> None:
    sys.exit(128 + signal_number)


if __name__ == "__main__":
    main()
