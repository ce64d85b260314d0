"""Long lines written by the process for them, on a real disk: the same ones that the agent would write, and nothing behind its back."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import long_writer
from agent.copied_body import CopiedBody
from agent.line_maker import LongBodiesLine
from agent.long_line import AbandonedError, FullError, UnreadableError
from agent.long_order import (
    _FIELDS,
    LEFT_OUT,
    DefectError,
    Outcome,
    decode_order,
    encode_order,
    encode_outcome,
    read_outcome,
)
from agent.long_writer import ProcessWriter
from record.entry import EntryWriter
from record.transaction import Transaction
from tee.handover import Piece, Stream
from tee.reading import Areas, CopiedStream
from tests.unit.exchanges import chunked

PATIENCE_S = 20.0
BODY = b'{"index":{"_id":"1"}}\n{"name":"\xc3\xa9\xe2\x82\xac"}\n' * 5000
HEAD = b"POST /_bulk HTTP/1.1\r\n\r\n"
HEADERS = b"host: a\r\nauthorization: secret\r\n\r\n"
ARGUMENTS = ["primary", str(16 << 20), "65536", "authorization"]
ENTRIES = EntryWriter("primary", frozenset({"authorization"}), 16 << 20, 65536)


@pytest.fixture
def areas() -> Iterator[Areas]:
    made = Areas(os.memfd_create("memory"), os.memfd_create("spool"))
    yield made
    made.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    made = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    yield made
    os.close(made)


@pytest.fixture
def writer() -> Iterator[ProcessWriter]:
    made = ProcessWriter(ARGUMENTS)
    made.start()
    yield made
    made.close()


def stream(areas: Areas, data: bytes) -> Stream:
    """A copy whose first half is in memory, the second one in the spool."""
    assert areas.spool is not None
    half = len(data) // 2
    os.pwrite(areas.memory, data[:half], 4096)
    os.pwrite(areas.spool, data[half:], 0)
    pieces = (Piece("memory", 4096, half), Piece("spool", 0, len(data) - half))
    return Stream(len(data), "", "end", 1, 2, b"", pieces)


def body(areas: Areas, framed: bytes = BODY, *, is_chunked: bool = False) -> CopiedBody:
    return CopiedBody(
        CopiedStream(stream(areas, HEAD + framed), areas),
        len(HEAD),
        len(framed),
        None if is_chunked else len(framed),
        chunked=is_chunked,
        ended=False,
    )


def transaction(request: CopiedBody) -> Transaction:
    made = Transaction(b"id-1")
    made.method, made.url, made.request_version = b"POST", b"/_bulk?a=b", b"1.1"
    made.request_headers = HEADERS
    made.request_long = request
    made.request_body_bytes = request.wire_bytes
    made.request_whole = made.response_whole = True
    made.status, made.response_version, made.response_headers = 200, b"1.1", b"content-length: 2\r\n\r\n"
    made.response_body, made.response_body_bytes = b"{}", 2
    made.received_us, made.arrived_us, made.answered_us = (
        1_700_000_000_000_000,
        1_700_000_000_000_100,
        1_700_000_000_000_200,
    )
    made.timers = b"0/0/0/0/0"
    made.client, made.client_port = b"\x7f\0\0\1", 4711
    return made


def long_line(request: CopiedBody) -> LongBodiesLine:
    return LongBodiesLine(transaction(request), ENTRIES)


def always() -> bool:
    return True


def written(file: int) -> bytes:
    return os.pread(file, 1 << 30, 0)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_line_is_the_agents_own(writer: ProcessWriter, areas: Areas, file: int, is_chunked: bool) -> None:
    framed = chunked(BODY, [1000, 70_000], b"", ()) if is_chunked else BODY
    line = long_line(body(areas, framed, is_chunked=is_chunked))
    os.write(file, b"before\n")
    size = writer.write(line, file, None, always)
    expected = b"".join(line.parts())
    assert written(file) == b"before\n" + expected
    assert size == len(expected) > len(BODY)
    assert b"secret" not in expected


def test_many_lines_one_after_the_other(writer: ProcessWriter, areas: Areas, file: int) -> None:
    line = long_line(body(areas))
    sizes = [writer.write(line, file, None, always) for _ in range(20)]
    assert written(file) == b"".join(line.parts()) * 20
    assert len(set(sizes)) == 1


def test_a_line_without_room_is_refused(writer: ProcessWriter, areas: Areas, file: int) -> None:
    line = long_line(body(areas))
    size = writer.write(line, file, None, always)
    assert writer.write(line, file, size, always) == size
    with pytest.raises(FullError):
        writer.write(line, file, size - 1, always)


def test_a_disk_that_refuses_is_told(writer: ProcessWriter, areas: Areas, tmp_path: Path) -> None:
    (tmp_path / "read-only").touch()
    refusing = os.open(tmp_path / "read-only", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor") as raised:
        writer.write(long_line(body(areas)), refusing, None, always)
    os.close(refusing)
    assert raised.value.errno == errno.EBADF


def test_a_copy_that_cannot_be_read_is_told(writer: ProcessWriter, areas: Areas, file: int) -> None:
    request = body(areas)
    os.ftruncate(areas.memory, 5000)
    with pytest.raises(UnreadableError, match="the memory ends at 5000"):
        writer.write(long_line(request), file, None, always)
    assert writer.write(long_line(body(areas)), file, None, always) > 0


def test_a_chunked_copy_that_cannot_be_read_is_told(writer: ProcessWriter, areas: Areas, file: int) -> None:
    request = body(areas, chunked(BODY, [1000, 70_000], b"", ()), is_chunked=True)
    os.ftruncate(areas.memory, 5000)
    with pytest.raises(UnreadableError, match="the memory ends at 5000"):
        writer.write(long_line(request), file, None, always)


def test_descriptors_beyond_those_of_select(areas: Areas, file: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    others = [os.dup(file) for _ in range(1100)]
    writer = ProcessWriter(ARGUMENTS)
    line = long_line(body(areas))
    writer.write(line, file, None, always)
    writer.close()
    for other in others:
        os.close(other)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert written(file) == b"".join(line.parts())


def child_that_wrote(writer: ProcessWriter, line: LongBodiesLine, file: int) -> int:
    """The writer's process, which has written a first line."""
    writer.write(line, file, None, always)
    (child,) = children(os.getpid())
    return child


def test_a_process_that_stands_still_is_ended(
    writer: ProcessWriter, areas: Areas, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_writer, "_STILL_S", 0.5)
    line = long_line(body(areas))
    child = child_that_wrote(writer, line, file)
    os.kill(child, signal.SIGSTOP)
    before = len(written(file))
    with pytest.raises(TimeoutError):
        writer.write(line, file, None, always)
    assert children(os.getpid()) == []
    assert len(written(file)) == before
    writer.write(line, file, None, always)
    assert written(file) == b"".join(line.parts()) * 2


def test_whatever_goes_wrong_the_process_writes_nothing_more(
    writer: ProcessWriter, areas: Areas, file: int
) -> None:
    def fail() -> bool:
        raise ZeroDivisionError

    reading, writing = os.pipe()
    with pytest.raises(ZeroDivisionError):
        writer.write(long_line(body(areas)), writing, None, fail)
    assert children(os.getpid()) == []
    os.close(writing)
    os.close(reading)


def test_a_body_that_is_elsewhere_is_written_here(writer: ProcessWriter, file: int) -> None:
    request = CopiedBody(
        lambda: iter((HEAD, BODY)), len(HEAD), len(BODY), len(BODY), chunked=False, ended=False
    )
    line = long_line(request)
    writer.write(line, file, None, always)
    assert written(file) == b"".join(line.parts())


def test_no_time_ends_the_process_before_it_is_said(writer: ProcessWriter, areas: Areas) -> None:
    # A pipe that nobody reads takes 64 KB and no more, as a disk that hangs.
    reading, writing = os.pipe()
    with pytest.raises(AbandonedError):
        writer.write(long_line(body(areas)), writing, None, lambda: False)
    os.close(writing)
    got = b""
    while part := os.read(reading, 1 << 20):
        got += part
    os.close(reading)
    # Its end was seen: no other process has the pipe open any more.
    assert len(got) < len(BODY)


def test_a_process_that_died_costs_a_try(writer: ProcessWriter, areas: Areas, file: int) -> None:
    line = long_line(body(areas))
    child = child_that_wrote(writer, line, file)
    os.kill(child, signal.SIGKILL)
    before = len(written(file))
    with pytest.raises(ConnectionError):
        writer.write(line, file, None, always)
    os.ftruncate(file, before)
    writer.write(line, file, None, always)
    assert children(os.getpid()) == []
    writer.write(line, file, None, always)
    assert len(children(os.getpid())) == 1
    assert written(file) == b"".join(line.parts()) * 3
    writer.close()
    assert children(os.getpid()) == []


def test_the_process_does_not_outlive_the_agent() -> None:
    program = (
        "import os, time; from agent.long_writer import ProcessWriter; "
        f"ProcessWriter({ARGUMENTS!r}).start(); print('started', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"started\n"
        child = the_child(agent.pid)
        wait_until_in_main(child)
        agent.kill()
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{child}").exists() and state(child) != "Z":
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.01)


def test_no_field_is_forgotten() -> None:
    assert set(_FIELDS) | set(LEFT_OUT) == set(Transaction.__slots__)
    assert not set(_FIELDS) & set(LEFT_OUT)


def test_an_order_of_nothing_that_is_long_is_none() -> None:
    assert encode_order(Transaction(b"id"), None) is None


@given(
    st.dictionaries(st.sampled_from(("method", "url", "client", "timers")), st.binary(max_size=20)),
    st.integers(0, 2**63 - 1),
    st.none() | st.integers(0, 2**40),
    st.sampled_from((None, "", "dropped")),
)
def test_an_order_is_read_as_it_was_meant(
    texts: dict[str, bytes], number: int, room: int | None, mirror: str | None
) -> None:
    areas = Areas(-1, -1)
    made = Transaction(b"id")
    made.request_body_bytes, made.answered_us, made.mirror = number, number, mirror
    for name, value in texts.items():
        setattr(made, name, value)
    pieces = (Piece("memory", 5, 70_000), Piece("spool", 9, 1))
    copied = CopiedStream(Stream(70_001, "", "end", 1, 2, b"", pieces), areas)
    made.response_long = CopiedBody(copied, 7, 69_000, None, chunked=False, ended=True)
    order = encode_order(made, room)
    assert order is not None
    read, read_room = decode_order(order.message, areas)
    kept = {name: getattr(read, name) for name in Transaction.__slots__ if not name.endswith("_long")}
    assert kept == {name: getattr(made, name) for name in kept}
    assert (read_room, read.request_long, order.areas) == (room, None, areas)
    assert isinstance(read.response_long, CopiedBody)
    assert isinstance(read.response_long.copy, CopiedStream)
    assert (read.response_long.copy.stream.pieces, read.response_long.start) == (pieces, 7)
    assert read.response_long.wire_bytes == 69_000


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome("full"), FullError()),
        (Outcome("unreadable", text="why"), UnreadableError("why")),
        (Outcome("refused", errno.ENOSPC, "No space left"), OSError(errno.ENOSPC, "No space left")),
        (Outcome("defect", text="KeyError()"), DefectError("KeyError()")),
    ],
)
def test_outcomes(outcome: Outcome, error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        read_outcome(encode_outcome(outcome))
    assert raised.value.args == error.args


def test_the_outcome_of_a_line_that_is_written() -> None:
    assert read_outcome(encode_outcome(Outcome("written", 5))) == 5


def children(parent: int) -> list[int]:
    """Processes for long lines that it started. (Another test may have left one of another kind that is about to end.)"""
    found = Path(f"/proc/{parent}/task").glob("*/children")
    started = sorted(int(word) for path in found for word in path.read_text().split())
    return [process for process in started if b"long_writer_process" in command_of(process)]


def the_child(parent: int) -> int:
    """The process that it has just started, which has no command line for a moment while it becomes another program."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := children(parent)):
        assert time.monotonic() < deadline, "it has started none"
        time.sleep(0.01)
    (child,) = found
    return child


def command_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def state(process: int) -> str:
    text = Path(f"/proc/{process}/stat").read_text()
    return text[text.rindex(")") + 2]


def wait_until_in_main(process: int) -> None:
    """setpriv has done its part when Python runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not Path(f"/proc/{process}/comm").read_text().startswith("python"):
        assert time.monotonic() < deadline, "it does not start"
        time.sleep(0.01)
