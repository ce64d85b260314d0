"""How the tee starts and ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.tee_process import PATIENCE_S, ROOT, read_all, read_exactly, running_tee, until


def test_open_exchanges_may_finish_and_reach_the_agent(tmp_path: Path) -> None:
    with running_tee(tmp_path, drain_s=PATIENCE_S) as tee:
        agent = tee.agent()
        outer, inner = tee.connect()
        tee.signal()
        until(lambda: _refused(tmp_path), "the listener to be closed")
        with outer, inner:
            outer.sendall(b"question")
            assert read_exactly(inner, 8) == b"question"
            inner.sendall(b"answer")
            inner.close()
            assert read_all(outer) == b"answer"
        exchange = agent.next()
        assert agent.bytes(exchange.response) == b"answer"
        agent.acknowledge(exchange.id)
        assert tee.wait() == 0


def test_an_exchange_that_does_not_finish_is_waited_for_so_long_only(tmp_path: Path) -> None:
    with running_tee(tmp_path, drain_s=0.1) as tee:
        outer, inner = tee.connect()
        with outer, inner:
            tee.signal()
            assert tee.wait() == 0
            assert outer.recv(1) == b""
        assert "1 exchanges are broken off" in tee.log.read_text()


def test_an_agent_that_is_frozen_does_not_keep_it(tmp_path: Path) -> None:
    with running_tee(tmp_path) as tee:
        agent = tee.agent()
        tee.exchange(b"question", b"answer")
        tee.signal()
        assert tee.wait() == 0
        # What was offered can still be read.
        assert agent.bytes(agent.next().request) == b"question"


def test_what_was_offered_can_be_read_when_the_tee_was_killed(tmp_path: Path) -> None:
    with running_tee(tmp_path) as tee:
        agent = tee.agent()
        tee.exchange(b"q" * 100_000, b"answer")
        exchange = agent.next()
        tee.kill()
        assert agent.bytes(exchange.request) == b"q" * 100_000


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with running_tee(tmp_path, drain_s=PATIENCE_S * 2) as tee:
        outer, inner = tee.connect()
        with outer, inner:
            tee.signal()
            until(lambda: _refused(tmp_path), "the listener to be closed")
            tee.signal(signal.SIGINT)
            assert tee.wait() == 1


def test_it_starts_where_a_killed_one_left_its_sockets(tmp_path: Path) -> None:
    with running_tee(tmp_path) as tee:
        tee.kill()
    (tmp_path / "tee-inner.sock").unlink()
    with running_tee(tmp_path) as tee:
        tee.exchange(b"question", b"answer")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: memory_bytes"),
        ("memori_bytes = 1", "unknown setting 'memori_bytes', did you mean 'memory_bytes'?"),
        ("memory_bytes = -1", "'memory_bytes' is -1"),
        ("memory_bytes = true", "'memory_bytes' is True"),
        ("spool_dir = 1", "'spool_dir' is 1"),
        ("nonsense", "can't read"),
    ],
)
def test_settings_that_can_not_be_used(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "tee.toml"
    file.write_text(text)
    ended = subprocess.run(
        (sys.executable, "-m", "tee", file),
        cwd=ROOT,
        env={**os.environ, "CAPTURE_RUNTIME_DIR": os.fspath(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def _refused(directory: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(os.fspath(directory / "tee.sock"))
        except ConnectionRefusedError:
            return True
    return False
