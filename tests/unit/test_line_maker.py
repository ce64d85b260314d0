"""From ended transactions to the log: in their order, bodies in memory or not, and each told of once."""

import asyncio
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.capture_log import CaptureLog
from agent.line_maker import LineMaker
from record.entry import EntryWriter
from record.transaction import Transaction
from tests.har import read_line, request_body
from tests.unit.long_bodies import HeldBody, UnreadableBody
from tests.unit.test_capture_log import PATIENCE_S, make
from tests.unit.test_record_entry import transaction
from tests.unit.test_record_long import with_long


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "haproxy-traffic.log"


@pytest.fixture
def log(path: Path) -> Iterator[CaptureLog]:
    made = make(path)
    made.start()
    yield made
    made.close(PATIENCE_S)


def write(log: CaptureLog, transactions: list[Transaction]) -> list[str]:
    """Have them written; what was told, in its order."""
    told: list[str] = []
    for one in transactions:
        one.finished = lambda one=one: told.append(one.capture_id.decode())

    async def run() -> None:
        maker = LineMaker(deque(transactions), EntryWriter("primary", frozenset()), log)
        maker.schedule()
        # Between the reads of the sockets: a turn of the loop.
        await asyncio.sleep(0)
        maker.finish()

    asyncio.run(run())
    log.close(PATIENCE_S)
    return told


def test_the_order_of_short_and_long_ones(log: CaptureLog, path: Path) -> None:
    made = []
    for number in range(60):
        body = b'{"n":%d}' % number
        one = with_long(HeldBody(body), None) if number % 3 == 0 else transaction(request_body=body)
        one.request_body_bytes = len(body)
        one.capture_id = b"%d" % number
        made.append(one)
    told = write(log, made)
    entries = [read_line(text + b"\n") for text in path.read_bytes().split(b"\n")[:-1]]
    assert [request_body(entry) for entry in entries] == [b'{"n":%d}' % number for number in range(60)]
    assert told == [entry["_id"] for entry in entries] == [str(number) for number in range(60)]
    assert (log.written, log.dropped) == (60, 0)


def test_a_defect_costs_one_line_and_is_told(
    log: CaptureLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # No such transaction can be, so no line can be made of it.
    made = [transaction(capture_id=b"0", response_headers=None), transaction(capture_id=b"1")]
    assert write(log, made) == ["0", "1"]
    assert (log.written, log.dropped) == (1, 1)
    assert read_line(path.read_bytes())["_id"] == "1"
    assert "can't be written" in caplog.text


def test_a_body_that_cant_be_read(log: CaptureLog, path: Path) -> None:
    one = with_long(UnreadableBody(b"x" * 500_000, 600_000), None)
    assert write(log, [one]) == [one.capture_id.decode()]
    entry = read_line(path.read_bytes())
    assert entry["_truncated"] == ["request"]
    assert entry["request"]["bodySize"] == 600_000
    assert log.bodies_dropped == 1


def test_sixteen_bodies_of_any_kind_at_once(log: CaptureLog, path: Path) -> None:
    kinds = [b"a" * 300_000, b"\xff" * 300_000, "ä€".encode() * 60_000, b"\n" * 300_000]
    made = [with_long(HeldBody(kinds[number % 4]), HeldBody(kinds[number // 4])) for number in range(16)]
    assert len(write(log, made)) == 16
    entries = [read_line(text + b"\n") for text in path.read_bytes().split(b"\n")[:-1]]
    assert [request_body(entry) for entry in entries] == kinds * 4
