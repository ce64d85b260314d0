"""Lines in parts in the capture log, on a real disk: whole or not there, in their order, and told exactly once."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import capture_log
from agent.capture_log import CaptureLog
from record.transaction import Transaction
from tests.unit.test_capture_log import (
    PATIENCE_S,
    all_lines,
    line,
    make,
    read,
    refuse_writes,
    rotated,
    settle,
    until,
)


class PartsLine:
    """A line of parts; counts what is done with it."""

    def __init__(self, *parts: bytes, wire_bytes: int | None = None, memory_bytes: int = 0) -> None:
        self._parts = parts
        self.memory_bytes = memory_bytes
        self.wire_bytes = sum(map(len, parts)) if wire_bytes is None else wire_bytes
        self.transaction: Transaction | None = None
        self.readings = 0
        self.ends = 0
        self.before_part: Callable[[int], None] = lambda _number: None

    @property
    def whole(self) -> bytes:
        return b"".join(self._parts)

    def parts(self) -> Iterator[bytes]:
        self.readings += 1
        for number, part in enumerate(self._parts):
            self.before_part(number)
            yield part

    def without_bodies(self) -> bytes:
        return b"short " + self._parts[-1]

    def finished(self) -> None:
        self.ends += 1


def long(number: int, size: int = 60, parts: int = 3) -> PartsLine:
    whole = line(number, size)
    step = max(len(whole) // parts, 1)
    return PartsLine(*(whole[start : start + step] for start in range(0, len(whole), step)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "haproxy-traffic.log"


@pytest.fixture(autouse=True)
def _retry_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_log, "_RETRY_S", 0.01)


@pytest.fixture
def log(path: Path) -> Iterator[CaptureLog]:
    made = make(path)
    made.start()
    yield made
    made.close(PATIENCE_S)


def test_short_and_long_lines_keep_their_order(path: Path) -> None:
    log = make(path)
    longs = [long(number) for number in range(0, 100, 2)]
    for number, one in zip(range(0, 100, 2), longs, strict=True):
        log.append_long(one)
        log.append([line(number + 1)])
    log.start()
    log.close(PATIENCE_S)
    assert all_lines(path) == [line(number, 20 if number % 2 else 60) for number in range(100)]
    assert (log.written, log.dropped, log.bodies_dropped) == (100, 0, 0)
    assert (log.queued_bytes, log.queued_long_bytes) == (0, 0)
    assert [(one.readings, one.ends) for one in longs] == [(1, 1)] * 50


def test_what_waits_is_told_after_its_lot_is_written(log: CaptureLog, path: Path) -> None:
    told: list[bytes] = []
    log.append([line(0), line(1)], [lambda: told.append(path.read_bytes())] * 2)
    until(lambda: len(told) == 2, "two words")
    assert told == [line(0) + line(1)] * 2


def test_what_waits_is_told_of_a_dropped_lot(path: Path) -> None:
    log = make(path, queue_bytes=10)
    told: list[int] = []
    log.append([line(0)], [lambda: told.append(0)])
    assert (told, log.dropped) == ([0], 1)
    log.start()
    log.close(PATIENCE_S)
    one = long(1)
    log.append([line(1)], [lambda: told.append(1)])
    log.append_long(one)
    assert (told, one.ends, log.dropped, log.queued_long_bytes) == ([0, 1], 1, 3, 0)


def test_a_defect_of_who_is_told_ends_nothing(log: CaptureLog, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    log.append([line(0)], [fail])
    log.append([line(1)])
    settle(log, 2)
    assert "ZeroDivisionError" in caplog.text


# Rotation


def test_a_long_line_that_would_not_fit_begins_the_next_file(path: Path) -> None:
    log = make(path, file_bytes=100)
    log.start()
    one = long(1, 90)
    log.append([line(0)])
    log.append_long(one)
    log.append_long(long(2, 10))
    log.append([line(3)])
    log.close(PATIENCE_S)
    assert [read(other) for other in rotated(path)] == [line(0), line(1, 90) + line(2, 10)]
    assert path.read_bytes() == line(3)
    assert (one.readings, one.ends, log.written) == (2, 1, 4)


@pytest.mark.parametrize(("file_bytes", "files"), [(80, 0), (79, 1)])
def test_a_file_may_be_filled_to_the_last_byte(path: Path, file_bytes: int, files: int) -> None:
    log = make(path, file_bytes=file_bytes)
    log.start()
    log.append([line(0)])
    log.append_long(long(1))
    log.close(PATIENCE_S)
    assert len(rotated(path)) == files


def test_a_long_line_larger_than_a_file_has_one_of_its_own(path: Path) -> None:
    log = make(path, file_bytes=64)
    log.start()
    log.append([line(0)])
    log.append_long(long(1, 1000))
    log.append_long(long(2, 1000))
    log.append([line(3)])
    log.close(PATIENCE_S)
    assert [read(other) for other in rotated(path)] == [line(0), line(1, 1000), line(2, 1000)]
    assert path.read_bytes() == line(3)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 200), st.integers(1, 5)), max_size=40),
    st.integers(1, 500),
)
def test_nothing_is_lost_or_doubled_by_rotation(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[bool, int, int]], file_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "haproxy-traffic.log"
    log = make(path, file_bytes=file_bytes)
    log.start()
    for number, (is_long, size, parts) in enumerate(kinds):
        if is_long:
            log.append_long(long(number, size, parts))
        else:
            log.append([line(number, size)])
    log.close(PATIENCE_S)
    assert all_lines(path) == [line(number, size) for number, (_, size, _) in enumerate(kinds)]
    for other in rotated(path):
        content = read(other)
        assert len(content) <= file_bytes or content.count(b"\n") == 1


# The bound


def test_too_many_that_wait_go_without_their_bodies(path: Path) -> None:
    log = make(path, queue_bytes=1000)
    lines = [PartsLine(b"%d\n" % number, wire_bytes=600) for number in range(4)]
    for one in lines:
        log.append_long(one)
    assert (log.queued_long_bytes, log.bodies_dropped, log.dropped) == (1200, 2, 0)
    log.start()
    log.close(PATIENCE_S)
    assert all_lines(path) == [b"0\n", b"1\n", b"short 2\n", b"short 3\n"]
    assert [one.ends for one in lines] == [1] * 4
    assert (log.written, log.queued_bytes, log.queued_long_bytes) == (4, 0, 0)


def test_what_long_lines_have_in_memory_counts_as_the_short_ones_do(path: Path) -> None:
    log = make(path, queue_bytes=1000)
    lines = [PartsLine(b"%d\n" % number, wire_bytes=1, memory_bytes=400) for number in range(3)]
    for one in lines:
        log.append_long(one)
    assert (log.queued_bytes, log.dropped) == (800, 1)
    assert [one.ends for one in lines] == [0, 0, 1]
    log.start()
    log.close(PATIENCE_S)
    assert all_lines(path) == [b"0\n", b"1\n"]
    assert (log.queued_bytes, log.queued_long_bytes) == (0, 0)


def test_a_short_form_that_cant_be_made_is_a_dropped_line(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Defect(PartsLine):
        def without_bodies(self) -> bytes:
            raise ZeroDivisionError

    log = make(path, queue_bytes=10)
    log.append_long(PartsLine(b"0\n", wire_bytes=11))
    one = Defect(b"1\n")
    log.append_long(one)
    assert (one.ends, log.dropped) == (1, 1)
    assert "ZeroDivisionError" in caplog.text


# A disk that refuses, bodies that can't be read, and the end


def test_a_half_written_line_is_taken_back_and_written_again(
    log: CaptureLog, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log.append([line(0)])
    settle(log, 1)
    one = long(1)
    write, refusals = os.write, [0]

    def refuse(file: int, data: memoryview) -> int:
        # The second part of the first three tries, half of it.
        if one.readings <= 3 and path.stat().st_size > len(line(0)):
            refusals[0] += 1
            write(file, data[:5])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", refuse)
    log.append_long(one)
    log.append([line(2)])
    settle(log, 3)
    assert (refusals, one.readings, one.ends) == ([3], 4, 1)
    assert path.read_bytes() == line(0) + line(1, 60) + line(2)
    assert "No space left" in caplog.text
    assert "is written again" in caplog.text


def test_what_is_taken_back_of_an_emptied_file_leaves_no_gap(log: CaptureLog, path: Path) -> None:
    def fail(number: int) -> None:
        if number == 1:
            os.truncate(path, 0)
            raise OSError(errno.EIO, "Input/output error")

    log.append([line(0)])
    settle(log, 1)
    one = PartsLine(b"first", b"second\n")
    one.before_part = fail
    log.append_long(one)
    log.append([line(1)])
    settle(log, 3)
    assert path.read_bytes() == b"short second\n" + line(1)


def test_a_body_that_cant_be_read_leaves_the_short_line(
    log: CaptureLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int) -> None:
        if number == 1:
            raise OSError(errno.EIO, "Input/output error")

    one = PartsLine(b"first", b"second\n")
    one.before_part = fail
    log.append_long(one)
    log.append([line(1)])
    settle(log, 2)
    assert path.read_bytes() == b"short second\n" + line(1)
    assert (one.readings, one.ends, log.bodies_dropped, log.dropped) == (1, 1, 1, 0)
    assert "can't be read" in caplog.text


def test_a_defect_costs_its_line_only(log: CaptureLog, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(number: int) -> None:
        if number == 1:
            raise ZeroDivisionError

    one = PartsLine(b"first", b"second\n")
    one.before_part = fail
    log.append([line(0)])
    log.append_long(one)
    log.append([line(1)])
    settle(log, 2)
    assert path.read_bytes() == line(0) + line(1)
    assert (one.ends, log.dropped, log.queued_long_bytes) == (1, 1, 0)
    assert "ZeroDivisionError" in caplog.text


def test_what_the_disk_refuses_until_the_end_is_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = make(path)
    log.start()
    refuse_writes(monkeypatch, times=10**9)
    one = long(0)
    log.append_long(one)
    log.close(PATIENCE_S)
    assert (log.written, log.dropped, log.queued_long_bytes, one.ends) == (0, 1, 0, 1)
    assert path.read_bytes() == b""


def test_closing_leaves_no_half_line(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = make(path)
    log.start()
    half, go_on = threading.Event(), threading.Event()

    def hang(number: int) -> None:
        if number == 1:
            half.set()
            assert go_on.wait(PATIENCE_S)

    one, next_one = long(1), long(2)
    one.before_part = hang
    log.append([line(0)])
    log.append_long(one)
    log.append_long(next_one)
    log.append([line(3)])
    assert half.wait(PATIENCE_S)
    assert path.read_bytes() == line(0) + line(1, 60)[:20]
    log.close(0.01)
    assert "ends without the last 140 bytes" in caplog.text
    go_on.set()
    until(lambda: not log._thread.is_alive(), "the thread's end")
    # Their bodies are what there is no time for.
    assert path.read_bytes() == line(0) + one.without_bodies() + next_one.without_bodies() + line(3)
    assert (log.written, log.dropped, log.bodies_dropped, one.ends, next_one.ends) == (4, 0, 2, 1, 1)
    assert next_one.readings == 0, "it was begun though there was no time"


def test_closing_writes_what_there_is_time_for(path: Path) -> None:
    log = make(path)
    one = long(0, 3_000_000, 30)
    log.append_long(one)
    log.start()
    log.close(PATIENCE_S)
    assert all_lines(path) == [line(0, 3_000_000)]
    assert one.ends == 1


def test_the_caller_never_waits(path: Path) -> None:
    log = make(path)
    log.start()
    go_on = threading.Event()
    one = long(0)
    one.before_part = lambda _number: until(go_on.is_set, "leave to go on")
    log.append_long(one)
    until(lambda: one.readings == 1, "the writing to begin")
    log.append_long(long(1))
    log.append([line(2)])
    assert log.written == 0
    go_on.set()
    log.close(PATIENCE_S)
    assert all_lines(path) == [line(0, 60), line(1, 60), line(2)]
