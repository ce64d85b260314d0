"""What the CloudWatch Agent follows: the log's lines, each once, in two files at most, whatever is restarted."""

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haproxy_config.render import render_files
from offload.agent_state import state_file, taken_bytes
from offload.cloudwatch import ERROR_FILE, CloudWatch
from offload.settings import OffloadSettings
from service.settings_file import read_settings
from tests.unit.regenerate_golden import VARIANTS

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", 0),
        ("\n", 0),
        ("123", 123),
        ("123\n/var/log/x.log", 123),
        ("900\n/var/log/x.log\n0-900", 900),
        ("900\n/var/log/x.log\n0-300,600-900", 300),
        ("900\n/var/log/x.log\n600-900", 0),
        ("900\n/var/log/x.log\n0-", 0),
        ("-5\n/x", 0),
        ("\x00\x00", 0),
    ],
)
def test_what_the_agent_wrote_down(text: str, taken: int) -> None:
    assert taken_bytes(text) == taken


def test_where_the_agent_writes_it_down() -> None:
    found = state_file(Path("/state"), Path("/var/log/a b:c/odd.1.log"))
    assert found == Path("/state/_var_log_a_b_c_odd.1.log")


class Sink:
    """The sink over a log in a folder, and what the agent of the test has taken."""

    def __init__(self, folder: Path, spool_bytes: int = 16 * MIB) -> None:
        self.folder = folder
        self.log = folder / "traffic.log"
        self.log.touch()
        (folder / "offload").mkdir()
        self.followed = folder / "offload" / "cloudwatch"
        text = render_files(VARIANTS["primary_tuned"])["offload.toml"]
        text = text.replace("/data/capture.log", str(self.log)).replace(
            "/data/capture.offload", str(self.followed.parent)
        )
        text = text.replace(f"spool_bytes = {64 * MIB}", f"spool_bytes = {spool_bytes}")
        text = text.replace("line_bytes = 1000000", "line_bytes = 20000")
        (folder / "offload.toml").write_text(text)
        self.settings = read_settings(folder / "offload.toml", OffloadSettings)
        self.agent = folder / "agent"
        self.agent.touch()
        self.sent: list[bytes] = []
        self._taken: dict[str, int] = {}
        self.sink = self.made()

    def made(self) -> CloudWatch:
        return CloudWatch(self.settings, self.folder, self.agent, self.folder / "credentials")

    def restart(self) -> None:
        self.sink._reader.close()
        self.sink = self.made()

    def write(self, *lines: bytes) -> None:
        with self.log.open("ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))

    def fill(self) -> None:
        while self.sink._fill():
            pass

    def take(self, most: int = 1 << 40) -> None:
        """As the agent: whole lines from where it is, and writes down how far it has come."""
        for path in sorted(self.followed.glob("*.log"), key=lambda path: path.name.split(".")[1]):
            data = path.read_bytes()[self._taken.get(path.name, 0) :][:most]
            data = data[: data.rfind(b"\n") + 1]
            most -= len(data)
            self.sent += data.splitlines()
            self._taken[path.name] = taken = self._taken.get(path.name, 0) + len(data)
            state_file(self.followed / "state", path).write_text(f"{taken}\n{path}")

    def look(self) -> None:
        self.sink._settled = -1e9
        self.sink._look(everything=True)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    sink = Sink(tmp_path)
    yield sink
    sink.sink._reader.close()


def lines(start: int, count: int, size: int = 500) -> list[bytes]:
    return [b'{"n":%d,"x":"%b"}' % (n, b"x" * size) for n in range(start, start + count)]


def test_lines_are_as_in_the_log(sink: Sink) -> None:
    wanted = lines(0, 2000)
    sink.write(*wanted)
    sink.fill()
    sink.take()
    assert sink.sent == wanted
    sink.look()
    status = sink.sink.status()
    assert (status["sent_lines"], status["waiting_bytes"], status["unread_bytes"]) == (2000, 0, 0)
    assert status["sent_bytes"] == sum(len(line) + 1 for line in wanted)


def test_a_line_that_is_too_long_is_shortened(sink: Sink) -> None:
    long = {"request": {"postData": {"text": "r" * 100_000}}, "response": {"content": {}}}
    sink.write(json.dumps(long).encode(), b"x" * 30_000, b"short")
    sink.fill()
    sink.take()
    first, short = sink.sent
    assert len(first) <= 20_000
    assert json.loads(first)["request"]["postData"]["_size"] == 100_000
    assert short == b"short"
    status = sink.sink.status()
    assert (status["shortened_lines"], status["unreadable_lines"]) == (1, 1)
    assert "left out" in str(status["error"])


def test_what_the_service_does_not_take_stays_in_the_log(tmp_path: Path) -> None:
    sink = Sink(tmp_path, spool_bytes=MIB)
    wanted = lines(0, 4000)
    sink.write(*wanted)
    sink.fill()
    sink.look()
    held = sum(path.stat().st_size for path in sink.followed.glob("*.log"))
    # A file is full when a batch went over its half.
    assert MIB <= held < MIB + 2 * 300 * 1024
    status = sink.sink.status()
    assert status["waiting_bytes"] == held
    assert status["unread_bytes"] == sink.log.stat().st_size - held
    for _ in range(10):
        sink.take()
        sink.look()
        sink.fill()
    sink.take()
    sink.sink._reader.close()
    assert sorted(sink.sent) == sorted(wanted)
    assert len(list(sink.followed.glob("*.log"))) <= 2
    names = {path.name for path in (sink.followed / "state").iterdir()}
    assert len(names) <= 2


@pytest.mark.parametrize("seed", range(30))
def test_restarts_and_crashes_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    sink = Sink(tmp_path, spool_bytes=256 * 1024)
    wanted: list[bytes] = []
    for _ in range(60):
        match chance.randrange(6):
            case 0:
                new = lines(len(wanted), chance.randrange(1, 300), chance.randrange(1, 2000))
                sink.write(*new)
                wanted += new
            case 1:
                sink.sink._fill()
            case 2:
                sink.take(chance.randrange(1, 200_000))
            case 3:
                sink.look()
            case 4:
                sink.restart()
            case 5:
                crash(sink, chance)
    for _ in range(20):
        sink.fill()
        sink.take()
        sink.look()
    sink.sink._reader.close()
    # The agent reads both files at the same time.
    assert sorted(sink.sent) == sorted(wanted)
    assert sink.sink.status()["lost_files"] == 0


def crash(sink: Sink, chance: random.Random) -> None:
    """It dies in the middle of writing, or before it wrote down where it is."""

    def die(*_words: object) -> None:
        raise KeyboardInterrupt

    followed = sink.sink._followed
    if chance.random() < 0.5:
        whole = followed.append

        def append_part(data: bytes) -> None:
            whole(data[: chance.randrange(len(data) + 1)])
            die()

        followed.append = append_part  # type: ignore[method-assign]
    else:
        sink.sink._write_position = die  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        sink.sink._fill()
    sink.restart()


def test_without_an_agent_nothing_is_written(sink: Sink) -> None:
    sink.agent.unlink()
    sink.write(*lines(0, 10))
    stop = threading.Event()
    thread = threading.Thread(target=sink.sink.run, args=(stop,))
    thread.start()
    until(lambda: sink.sink.status()["error"])
    stop.set()
    thread.join()
    assert "carries no CloudWatch Agent" in str(sink.sink.status()["error"])
    assert not list(sink.followed.glob("*.log"))


def test_the_services_words_are_told_until_it_takes_lines_again(sink: Sink) -> None:
    (sink.folder / ERROR_FILE).write_text(
        json.dumps(
            {"at": time.time(), "agent_since": 0, "words": "AccessDeniedException: User is not authorized"}
        )
    )
    sink.write(*lines(0, 10))
    sink.fill()
    sink.look()
    sink.look()
    status = sink.sink.status()
    assert (status["error"], status["failures"]) == ("AccessDeniedException: User is not authorized", 1)
    assert status["waiting_bytes"] == sink.log.stat().st_size
    sink.take()
    sink.look()
    assert sink.sink.status()["error"] is None
    sink.look()
    assert sink.sink.status()["error"] is None


def test_new_credentials_make_old_words_void(sink: Sink) -> None:
    error = sink.folder / ERROR_FILE
    started = time.time() - 2
    error.write_text(json.dumps({"at": time.time() - 1, "agent_since": started, "words": "no credentials"}))
    sink.look()
    assert sink.sink.status()["error"] == "no credentials"
    (sink.folder / "credentials").touch()
    sink.look()
    assert sink.sink.status()["error"] is None
    # The old agent's last words, read late.
    error.write_text(json.dumps({"at": time.time() + 1, "agent_since": started, "words": "no credentials"}))
    sink.look()
    assert sink.sink.status()["error"] is None
    error.write_text(
        json.dumps({"at": time.time() + 2, "agent_since": time.time() + 1, "words": "the wrong ones"})
    )
    sink.look()
    assert sink.sink.status()["error"] == "the wrong ones"


def test_it_ends_with_what_there_was(sink: Sink) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=sink.sink.run, args=(stop,))
    thread.start()
    sink.write(*lines(0, 10))
    stop.set()
    thread.join(10)
    sink.take()
    assert sink.sent == lines(0, 10)


def test_a_position_that_cant_be_read(sink: Sink) -> None:
    sink.write(*lines(0, 3))
    sink.fill()
    (sink.followed / "position.json").write_text("{")
    sink.restart()
    sink.fill()
    assert sorted(path.name for path in sink.followed.glob("*.log")) == [
        "even.000000002.log",
        "odd.000000001.log",
    ]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
