"""The local engine: who starts and stops it, and what becomes of the command's end. No engine is started here."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from capture import daemon, local_engine
from capture.daemon import Daemon, check_allowed, missing_packages
from capture.errors import ExitCode, UserError
from capture.local_engine import LocalEngine, main
from capture.subcommand import run_subcommand


class FakeDaemon(Daemon):
    """Notes its starts and stops."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.events: list[str] = []
        self.running = False

    def answers(self) -> bool:
        return self.running

    def start(self) -> None:
        assert not self.running
        self.running = True
        self.events.append("start")

    def stop(self) -> None:
        if self.running:
            self.events.append("stop")
        self.running = False

    def connect(self) -> "FakeDaemon":  # type: ignore[override]
        return self

    def remove_labelled(self) -> None:
        self.events.append("clean")

    def close(self) -> None:
        pass


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    monkeypatch.setattr(local_engine, "check_allowed", lambda: None)
    monkeypatch.setattr(local_engine, "install", lambda _progress: None)
    return FakeDaemon(tmp_path)


def engine(fake: FakeDaemon) -> LocalEngine:
    """Another process's view of the engine."""
    local = LocalEngine(fake.folder, lambda _line: None)
    local.daemon = fake
    return local


def test_it_runs_for_the_time_of_its_use(fake: FakeDaemon) -> None:
    with engine(fake).used() as host:
        assert host == f"unix://{fake.folder}/docker.sock"
        assert fake.running
    assert fake.events == ["start", "clean", "stop"]


def test_it_is_stopped_after_a_failure(fake: FakeDaemon) -> None:
    with pytest.raises(KeyboardInterrupt), engine(fake).used():
        raise KeyboardInterrupt
    assert fake.events == ["start", "clean", "stop"]


def test_the_last_one_to_leave_stops_it(fake: FakeDaemon) -> None:
    first, second = engine(fake).used(), engine(fake).used()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert fake.events == ["start"]
    second.__exit__(None, None, None)
    assert fake.events == ["start", "clean", "stop"]


def test_one_that_was_started_to_stay_outlives_its_users(fake: FakeDaemon) -> None:
    engine(fake).keep()
    with engine(fake).used():
        pass
    assert fake.events == ["start"]
    assert engine(fake).stop()
    assert fake.events == ["start", "clean", "stop"]


def test_a_stop_waits_for_the_users(fake: FakeDaemon) -> None:
    engine(fake).keep()
    with engine(fake).used():
        assert not engine(fake).stop()
        assert fake.running
    assert not fake.running


def test_a_second_one_that_comes_while_it_starts_waits(fake: FakeDaemon) -> None:
    inside, release = threading.Event(), threading.Event()
    start = fake.start

    def slow_start() -> None:
        inside.set()
        release.wait(10)
        start()

    fake.start = slow_start  # type: ignore[method-assign]
    threads = [threading.Thread(target=engine(fake).keep) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    release.set()
    for thread in threads:
        thread.join(10)
    assert fake.events == ["start"]


def test_one_that_comes_while_it_stops_starts_it_anew(fake: FakeDaemon) -> None:
    stopping, release = threading.Event(), threading.Event()
    stop = fake.stop

    def slow_stop() -> None:
        stopping.set()
        release.wait(10)
        stop()

    engine(fake).keep()
    fake.stop = slow_stop  # type: ignore[method-assign]
    leaving = threading.Thread(target=engine(fake).stop)
    coming = threading.Thread(target=engine(fake).keep)
    leaving.start()
    stopping.wait(10)
    coming.start()
    # Long enough for one that did not wait to find the engine still there.
    coming.join(0.3)
    release.set()
    leaving.join(10)
    coming.join(10)
    assert fake.events == ["start", "clean", "stop", "start"]


def test_an_engine_that_answers_is_used_as_it_is(fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "engine_answers", lambda: True)
    assert local_engine.run(["sh", "-c", "exit 7"], engine(fake)) == 7
    assert fake.events == []


def test_the_command_gets_the_engine_and_its_exit_code_is_kept(
    fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "engine_answers", lambda: False)
    command = ["sh", "-c", f'test "$DOCKER_HOST" = unix://{fake.folder}/docker.sock && exit 9']
    assert local_engine.run(command, engine(fake)) == 9
    assert fake.events == ["start", "clean", "stop"]


def test_the_command_is_told_whether_the_engine_ends_with_it(
    fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "engine_answers", lambda: False)
    command = ["sh", "-c", f"exit ${{{local_engine.ENDS_WITH_COMMAND}:-0}}"]
    assert local_engine.run(command, engine(fake)) == 1
    engine(fake).keep()
    assert local_engine.run(command, engine(fake)) == 0


def test_the_end_by_a_signal_is_told_as_a_shell_does() -> None:
    assert run_subcommand(["sh", "-c", "kill -TERM $$"], {}) == 128 + signal.SIGTERM


def test_a_missing_command() -> None:
    with pytest.raises(UserError, match="no-such-program") as caught:
        run_subcommand(["no-such-program"], {})
    assert caught.value.exit_code == ExitCode.BAD_INPUT


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[str]]:
    """A process that runs a command which ends with 5 when it is told to."""
    program = "import sys; from capture.subcommand import run_subcommand; sys.exit(run_subcommand(sys.argv[1:], {}))"
    script = "trap 'exit 5' INT TERM HUP; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [sys.executable, "-c", program, "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_passed_on_to_the_command(runner: subprocess.Popen[str], number: int) -> None:
    assert runner.stdout is not None
    assert runner.stdout.readline() == "ready\n"
    runner.send_signal(number)
    assert runner.wait(10) == 5


def test_a_pid_file_that_names_another_program_names_nothing(tmp_path: Path) -> None:
    (tmp_path / "dockerd.pid").write_text(str(os.getpid()))
    assert Daemon(tmp_path).pid() is None
    Daemon(tmp_path).stop()


def test_a_daemon_that_ends_at_once_is_told_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho no iptables >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UserError, match="exit code 1") as caught:
        Daemon(tmp_path / "engine").start()
    assert caught.value.exit_code == ExitCode.NO_ENGINE
    assert caught.value.detail == "no iptables"


def test_a_daemon_is_stopped_by_its_pid_file(tmp_path: Path) -> None:
    daemon_ = Daemon(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path / "dockerd.pid")]
    )
    (tmp_path / "dockerd.pid").write_text(str(process.pid))
    deadline = time.monotonic() + 10
    while daemon_.pid() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    daemon_.stop()
    assert daemon_.pid() is None
    process.returncode = 0  # its end was awaited by stop()
    assert not (tmp_path / "dockerd.pid").exists()


def test_only_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda program, path: None if program in ("dockerd", "ip") else path)
    files = {__file__: "there", str(tmp_path / "away.gpg"): "debian-archive-keyring"}
    monkeypatch.setattr(daemon, "ENGINE_FILES", files)
    assert missing_packages() == ["docker.io", "iproute2", "debian-archive-keyring"]


def test_without_root_it_says_how_to_get_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError, match="only root") as caught:
        check_allowed()
    assert caught.value.exit_code == ExitCode.NO_ENGINE
    assert "DOCKER_HOST" in caught.value.hint


def test_another_engine_of_the_machine_is_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(daemon, "missing_packages", list)
    monkeypatch.setattr(daemon, "_other_daemon", lambda: (42, "unix:///other.sock"))
    with pytest.raises(UserError, match="process 42") as caught:
        check_allowed()
    assert caught.value.hint == "use that one: DOCKER_HOST=unix:///other.sock"


def test_the_status_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    result = CliRunner().invoke(main, ["status", "--folder", str(tmp_path)])
    assert result.exit_code == ExitCode.NO_ENGINE
    assert result.stdout == "no engine answers\n"
