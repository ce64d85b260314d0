"""The offloader as a process: what it tells, how it ends, and a sink that fails."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haproxy_config.render import render_files
from offload import app
from offload.trouble import Trouble, harmless
from tests.unit.regenerate_golden import VARIANTS

ROOT = Path(__file__).parents[2]
START = "import offload.__main__ as m; m.main()"


@contextmanager
def running(directory: Path, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """The offloader with the sink "cloudwatch"; ``before``: Python that runs first."""
    runtime = directory / "offload"
    runtime.mkdir()
    (directory / "offload.toml").write_text(
        render_files(VARIANTS["primary_tuned"])["offload.toml"].replace("/data/", f"{directory}/")
    )
    process = subprocess.Popen(
        (sys.executable, "-c", f"{before}\n{START}"),
        cwd=ROOT,
        env={**os.environ, "CAPTURE_CONFIG_DIR": str(directory), "CAPTURE_RUNTIME_DIR": str(directory)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def status(directory: Path) -> dict[str, Any] | None:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(directory / "offload" / "status.sock"))
        except OSError:
            return None
        with connection.makefile() as answer:
            told: dict[str, Any] = json.load(answer)
            return told


def told_once(directory: Path, key: str) -> dict[str, Any]:
    """The status, once it tells something of the sink."""
    deadline = time.monotonic() + 20
    while True:
        told = status(directory)
        if told is not None and key in told.get("cloudwatch", {}):
            return told
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as process:
        told = told_once(tmp_path, "error")
        assert told["own_user"] is False
        mode = (tmp_path / "offload" / "status.sock").stat().st_mode
        assert mode & 0o777 == 0o660
        process.send_signal(number)
        _, words = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "runs as the proxy's own user" in words


FAILING = """
import offload.cloudwatch
class CloudWatch:
    def __init__(self, *settings): pass
    def status(self): return {}
    def run(self, stop): raise OSError("no room; secret_access_key=abcdef")
offload.cloudwatch.CloudWatch = CloudWatch
"""


def test_a_sink_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    with running(tmp_path, FAILING) as process:
        deadline = time.monotonic() + 20
        while (told := told_once(tmp_path, "failures")["cloudwatch"])["failures"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert told["error"] == "OSError: no room; secret_access_key=[redacted]"
        process.terminate()
        _, words = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "no room" in words
        assert "abcdef" not in words


class FailsOnce:
    """A sink whose first run fails, and that has something of its own to tell."""

    runs = 0
    own: str | None = None

    def __init__(self, *_settings: object) -> None: ...

    def status(self) -> dict[str, object]:
        return {"error": self.own, "count": self.runs}

    def run(self, stop: threading.Event) -> None:
        type(self).runs += 1
        if self.runs == 1:
            raise OSError("no room")
        stop.wait()


def test_an_error_is_over_once_the_sink_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(app, "_STEADY_S", 0.3)
    monkeypatch.setattr(app, "sink_class", lambda _name: FailsOnce)
    monkeypatch.setattr(FailsOnce, "runs", 0)
    kept = app._Kept("s3", None, Path())  # type: ignore[arg-type]
    stop = threading.Event()
    kept.start(stop)

    def await_error(expected: str | None) -> None:
        deadline = time.monotonic() + 20
        while kept.status().get("error") != expected or kept.status().get("count") != 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    try:
        await_error("OSError: no room")
        monkeypatch.setattr(FailsOnce, "own", "refused")
        await_error("refused")
        monkeypatch.setattr(FailsOnce, "own", None)
        await_error(None)
        assert kept.status() == {"error": None, "count": 2}
    finally:
        stop.set()
        kept.join(10)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "missing: cluster"), ('sinks = ["tape"]', "missing"), ("x = 1", "unknown setting 'x'")],
)
def test_settings_that_cant_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "offload.toml").write_text(text)
    ended = subprocess.run(
        (sys.executable, "-m", "offload"),
        cwd=ROOT,
        env={**os.environ, "CAPTURE_CONFIG_DIR": str(tmp_path), "CAPTURE_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_unknown_sink(tmp_path: Path) -> None:
    text = render_files(VARIANTS["primary_tuned"])["offload.toml"]
    (tmp_path / "offload.toml").write_text(text.replace('"cloudwatch"', '"tape"'))
    ended = subprocess.run(
        (sys.executable, "-m", "offload"),
        cwd=ROOT,
        env={**os.environ, "CAPTURE_CONFIG_DIR": str(tmp_path), "CAPTURE_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr[:31]) == (2, "offload: unknown sink 'tape', k")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "An error occurred (ExpiredTokenException): The security token expired",
            "An error occurred (ExpiredTokenException): The security token expired",
        ),
        ("The signature does not match.\n\nx-amz-security-token:ABC\n", "The signature does not match."),
        ("The key AKIAIOSFODNN7EXAMPLE is unknown", "The key [redacted] is unknown"),
        ("x-amz-security-token:FwoG/ABC== rest", "x-amz-security-token:[redacted] rest"),
        ("", ""),
        ("x" * 500, "x" * 397 + "..."),
    ],
)
def test_no_secret_in_what_services_say(words: str, expected: str) -> None:
    assert harmless(words) == expected


def test_trouble_is_one_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    trouble = Trouble("here")
    assert trouble.as_dict() == {"error": None, "error_since": None, "failures": 0}
    for _ in range(9):
        trouble.happened("no")
    told = trouble.as_dict()
    assert (told["error"], told["failures"]) == ("no", 9)
    # 1, 2, 4, 8
    assert len(caplog.records) == 4
    trouble.happened("other")
    assert len(caplog.records) == 5
    assert trouble.as_dict()["error_since"] == told["error_since"]
    trouble.over()
    trouble.over()
    assert trouble.as_dict()["error"] is None
