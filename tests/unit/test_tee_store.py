"""Where copies live: memory, the spool's real thread, and what may be moved between them."""

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tee import spool as spool_module
from tee import store as store_module
from tee.blocks import BLOCK_BYTES
from tee.captured import Copy
from tee.handover import Stream
from tee.memory import Memory
from tee.reading import Areas
from tee.spool import Spool
from tee.status import Status
from tee.store import Store
from tests.unit.tee_process import until
from tests.unit.test_tee_captured import feed

BLOCKS = 8


class Place:
    """A store with room for `BLOCKS` blocks in memory, and a spool."""

    def __init__(self, spool: Spool | None) -> None:
        self.spool = spool
        self.memory = Memory(BLOCKS * BLOCK_BYTES)
        self.status = Status()
        self.store = Store(self.memory, BLOCKS * BLOCK_BYTES, spool, 0.5, self.status)

    def copy(self, letter: bytes, blocks: int) -> Copy:
        """An ended copy of so many full blocks."""
        copy = Copy(self.store)
        feed(copy, letter * (blocks * BLOCK_BYTES))
        copy.end("end")
        return copy

    def read(self, stream: Stream) -> bytes:
        areas = Areas(self.memory.fd, self.spool.fd if self.spool is not None else None)
        return b"".join(areas.chunks(stream))

    def settle(self) -> None:
        """Until the thread has nothing to do any more."""

        def idle() -> bool:
            self.store.moved()
            return not self.store._moving

        until(idle, "the spool's thread")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    spool = Spool(tmp_path, 20 * BLOCK_BYTES)
    yield Place(spool)
    spool.close()


def places(copy: Copy) -> set[str]:
    return {block.place for block in copy._blocks}


def test_nothing_is_moved_while_memory_is_half_empty(place: Place) -> None:
    copy = place.copy(b"a", BLOCKS // 2)
    place.settle()
    assert places(copy) == {"memory"}


def test_the_oldest_are_moved_until_half_is_empty(place: Place) -> None:
    old, young = place.copy(b"a", 3), place.copy(b"b", 3)
    place.settle()
    assert [block.place for block in old._blocks] == ["spool", "spool", "memory"]
    assert places(young) == {"memory"}
    assert place.memory.used_bytes == BLOCKS // 2 * BLOCK_BYTES
    assert place.read(old.stream()) == b"a" * (3 * BLOCK_BYTES)


def test_what_the_agent_was_told_is_not_moved(place: Place) -> None:
    told = place.copy(b"a", 4)
    before = told.stream()
    place.copy(b"b", 3)
    place.settle()
    assert told.stream() == before
    assert places(told) == {"memory"}


def test_what_is_offered_while_it_is_moved_stays(place: Place) -> None:
    copy = place.copy(b"a", 6)
    assert place.store._moving == 2
    before = copy.stream()
    place.settle()
    assert copy.stream() == before
    assert place.read(before) == b"a" * (6 * BLOCK_BYTES)
    assert place.spool is not None
    assert place.spool.used_bytes == 0


def test_what_is_released_while_it_is_moved_leaves_no_trace(place: Place) -> None:
    place.copy(b"a", 7).release()
    place.settle()
    assert place.memory.used_bytes == 0
    assert place.spool is not None
    assert place.spool.used_bytes == 0


def test_space_in_the_spool_is_used_again_and_given_back(place: Place) -> None:
    assert place.spool is not None
    for letter in (b"a", b"b", b"c"):
        copies = []
        for _ in range(4):
            copies.append(place.copy(letter, 4))
            place.settle()
        assert place.spool.used_bytes == 12 * BLOCK_BYTES
        for copy in copies:
            assert place.read(copy.stream()) == letter * (4 * BLOCK_BYTES)
            copy.release()
        assert place.spool.used_bytes == place.memory.used_bytes == 0
    place.store.tick()
    spool = place.spool
    until(lambda: os.fstat(spool.fd).st_size == 0, "the file to shrink")
    assert place.status.copies_given_up == 0


def shorts(place: Place, count: int, size: int = 10_000) -> list[Copy]:
    """Ended copies without a block, each of another letter."""
    copies = []
    for number in range(count):
        copies.append(Copy(place.store))
        feed(copies[-1], bytes([number]) * size)
        copies[-1].end("end")
    return copies


def test_short_copies_share_blocks_of_the_spool_when_they_fill_the_memory(place: Place) -> None:
    copies = shorts(place, 90)
    told = [copy.stream() for copy in copies[:10]]
    place.settle()
    assert place.spool is not None
    # 13 of them fit a block.
    assert place.memory.used_bytes <= BLOCKS // 2 * BLOCK_BYTES + BLOCK_BYTES
    assert place.spool.used_bytes == -(-(90 * 10_000 - place.memory.used_bytes) // 130_000) * BLOCK_BYTES
    # Those that the agent was told too: it has them from the message.
    assert [stream.inline for stream in told] == [bytes([number]) * 10_000 for number in range(10)]
    streams = [copy.stream() for copy in copies]
    assert not streams[0].inline
    assert streams[-1].inline
    for number, stream in enumerate(streams):
        assert place.read(stream) == bytes([number]) * 10_000
        assert stream.copied_bytes == stream.total_bytes == 10_000
    for copy in copies:
        copy.release()
    assert place.spool.used_bytes == place.memory.used_bytes == 0


def test_blocks_are_moved_before_short_copies(place: Place) -> None:
    copies = shorts(place, 30)
    blocks = place.copy(b"a", 4)
    place.settle()
    assert places(blocks) == {"memory", "spool"}
    assert all(copy.stream().inline for copy in copies)


def test_short_copies_that_are_released_while_they_are_moved_leave_no_trace(place: Place) -> None:
    copies = shorts(place, 90)
    assert place.store._moving
    for copy in copies[1:]:
        copy.release()
    place.settle()
    assert place.read(copies[0].stream()) == bytes(10_000)
    copies[0].release()
    assert place.spool is not None
    assert place.memory.used_bytes == place.spool.used_bytes == 0


def test_short_copies_that_the_disk_refuses_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_file: int, _data: memoryview, _offset: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spool_module, "_write_all", refuse)
    copies = shorts(place, 90)
    place.settle()
    assert "can't be written, copies stay in memory" in caplog.text
    assert not place.store.can_move
    for number, copy in enumerate(copies):
        assert copy.stream().inline == bytes([number]) * 10_000
        copy.release()
    assert place.spool is not None
    assert place.memory.used_bytes == place.spool.used_bytes == 0


def test_nothing_can_be_moved_where_the_spool_is_full_or_stands_still(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not Place(None).store.can_move
    seen = [place.store.can_move]
    gate, now_s = threading.Event(), time.monotonic()
    real = spool_module._write_all
    monkeypatch.setattr(spool_module, "_write_all", lambda *arguments: (gate.wait(), real(*arguments))[1])
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic", lambda: now_s)
        copies = [place.copy(b"a", 5)]
        seen.append(place.store.can_move)
        now_s += 1.5
        seen.append(place.store.can_move)
    gate.set()
    place.settle()
    seen.append(place.store.can_move)
    for _ in range(5):
        copies.append(place.copy(b"b", 4))
        place.settle()
    assert place.spool is not None
    assert place.spool.full
    seen.append(place.store.can_move)
    copies[0].release()
    seen.append(place.store.can_move)
    assert seen == [True, True, False, True, False, True]


def test_a_disk_that_refuses_costs_only_what_memory_has_no_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = os.open("/dev/full", os.O_RDWR)
    monkeypatch.setattr(spool_module, "_unlinked", lambda _directory: full)
    spool = Spool(tmp_path, 20 * BLOCK_BYTES)
    place = Place(spool)
    with caplog.at_level(logging.ERROR):
        copy = place.copy(b"a", 7)
        place.settle()
        assert spool.used_bytes == 0
        assert "can't be written, copies stay in memory" in caplog.text
        assert os.strerror(errno.ENOSPC) in caplog.text
        too_much = place.copy(b"b", 3)
    assert too_much.stream().incomplete == "spool_failed"
    assert place.status.copies_given_up == 1
    assert place.read(copy.stream()) == b"a" * (7 * BLOCK_BYTES)
    spool.close()


def test_a_disk_that_has_room_again_is_used_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refused = spool_module._write_all, 0

    def refuse(file: int, data: memoryview, offset: int) -> None:
        nonlocal refused
        if refused < 2:
            refused += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file, data, offset)

    monkeypatch.setattr(spool_module, "_write_all", refuse)
    monkeypatch.setattr(store_module, "_RETRY_S", 0.0)
    copy = place.copy(b"a", 6)
    place.settle()
    assert refused == 2
    assert place.memory.used_bytes == BLOCKS // 2 * BLOCK_BYTES
    assert place.read(copy.stream()) == b"a" * (6 * BLOCK_BYTES)
    assert len(caplog.records) == 1


def test_room_is_worth_waiting_for_while_it_is_being_made(place: Place) -> None:
    assert not place.store.wait(0.0)
    place.copy(b"a", 6)
    place.settle()
    place.copy(b"b", 3)
    # What is moved now has not arrived yet.
    assert place.store._moving
    assert place.store.wait(0.0)
    assert place.store.wait(0.49)
    assert not place.store.wait(0.5)
    assert place.status.copies_waited == 1
    place.settle()
    assert not place.store.wait(0.0)


def test_a_disk_that_takes_nothing_is_not_waited_for(place: Place) -> None:
    place.copy(b"a", 6)
    place.settle()
    place.copy(b"b", 3)
    assert place.store._moving
    place.store._moved_s -= 1.1
    assert not place.store.wait(0.0)
    place.settle()


def test_a_file_system_without_nameless_files_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not a flag of any system: open(2) answers EISDIR or EINVAL, as it does where there are none.
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY)
    spool = Spool(tmp_path, BLOCK_BYTES)
    assert os.fstat(spool.fd).st_nlink == 0
    assert list(tmp_path.iterdir()) == []
    spool.close()


def test_memory_that_is_no_longer_used_is_given_back_in_parts() -> None:
    memory = Memory(96 * 1024 * 1024)
    numbers = []
    while (number := memory.take_block()) is not None:
        memory.view(number)[:] = b"x" * BLOCK_BYTES
        numbers.append(number)
    for number in numbers:
        memory.give_block(number)
    sizes = []
    for _ in range(12):
        memory.give_back()
        sizes.append(os.fstat(memory.fd).st_blocks // 2048)
    assert sizes == [88, 80, 72, 64, 56, 48, 40, 32, 32, 32, 32, 32]
