"""The reader of the capture log, while the files that it reads are renamed, compressed, removed and emptied."""

import gzip
import os
import random
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from agent.log_file import LogFile
from agent.rotated_files import RotatedFiles
from offload.log_reader import LogReader, LongLine, Place
from tests.unit.counted_bytes import grows_no_faster

SHORT = 1000


class Log:
    """A capture log, written as the agent does, with numbered lines."""

    def __init__(self, folder: Path, form: str) -> None:
        self.form = form
        self.path = folder / "traffic.log"
        self.rotated = RotatedFiles(self.path, 1 << 20, 1 << 30)
        self._file = LogFile(self.path, 1 << 20, self.rotated)
        self.count = 0
        self._readers: list[LogReader] = []

    def reader(self, place: Place | None = None) -> LogReader:
        self._readers.append(LogReader(self.path, place, SHORT))
        return self._readers[-1]

    def close(self) -> None:
        self._file.close()
        for reader in self._readers:
            reader.close()

    def write(self, count: int = 1, size: int = 300) -> None:
        for _ in range(count):
            self._file.append(line(self.count, size) + b"\n")
            self.count += 1

    def write_raw(self, data: bytes) -> None:
        self._file.append(data)

    def rotate(self) -> None:
        self._file.rotate()

    def compress(self) -> None:
        """All files that are not."""
        for path in self.path.parent.iterdir():
            if re.fullmatch(r"traffic\.log\.\d+", path.name):
                data = path.read_bytes()
                coded = gzip.compress(data) if self.form == ".gz" else zstandard.compress(data)
                path.with_name(path.name + self.form).write_bytes(coded)
                path.unlink()

    def file(self, number: int, form: str = "") -> Path:
        return self.path.with_name(f"traffic.log.{number:06d}{form}")


@pytest.fixture(params=[".zst", ".gz"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path, request.param)
    yield log
    log.close()


def line(number: int, size: int) -> bytes:
    return f'{{"n":{number:08d},"x":"'.encode().ljust(size - 2, b"x") + b'"}'


def read(reader: LogReader, most: int = 1 << 30) -> list[bytes]:
    lines: list[bytes] = []
    while len(lines) < most and (found := reader.next()) is not None:
        lines.append(b"".join(found.parts) if isinstance(found, LongLine) else found)
        assert isinstance(found, LongLine) == (len(lines[-1]) > SHORT)
    return lines


def numbers(lines: list[bytes]) -> list[int]:
    return [int(text[5:13]) for text in lines]


def again(reader: LogReader, log: Log) -> LogReader:
    """A reader as after a restart."""
    place = reader.place()
    reader.close()
    assert reader.place() == place
    made = log.reader(place)
    made.lost_files = reader.lost_files
    return made


def test_there_is_no_log_yet(log: Log) -> None:
    reader = log.reader()
    assert read(reader) == []
    assert reader.waiting() == (0, 0)
    log.write(3)
    assert reader.waiting() == (1, 903)
    assert numbers(read(reader)) == [0, 1, 2]
    assert reader.waiting() == (0, 0)
    log.write(1)
    assert numbers(read(reader)) == [3]


def test_everything_that_is_there_from_the_oldest_on(log: Log) -> None:
    for _ in range(3):
        log.write(5)
        log.rotate()
    log.compress()
    log.write(5)
    log.rotate()
    log.write(2, 5000)
    reader = log.reader()
    assert reader.waiting()[0] == 5
    assert numbers(read(reader)) == list(range(22))
    assert reader.lost_files == 0


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("compress", [False, True])
def test_it_is_rotated_and_compressed_while_it_is_read(log: Log, restart: bool, compress: bool) -> None:
    log.write(10)
    reader = log.reader()
    lines = read(reader, 4)
    for _ in range(3):
        log.write(10)
        log.rotate()
        if compress:
            log.compress()
        if restart:
            reader = again(reader, log)
        lines += read(reader, 5)
    log.write(3)
    if restart:
        reader = again(reader, log)
    assert numbers(lines + read(reader)) == list(range(log.count))
    assert reader.lost_files == 0


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_in_whatever_order_nothing_is_lost_or_doubled(log: Log, seed: int) -> None:
    chance = random.Random(seed)
    reader = log.reader()
    lines: list[bytes] = []
    for _ in range(60):
        match chance.randrange(6):
            case 0 | 1:
                log.write(chance.randrange(1, 6), chance.choice((40, 300, 999, 1001, 1002, 70_000, 200_000)))
            case 2 if log.path.exists():
                log.rotate()
            case 3:
                log.compress()
            case 4:
                reader = again(reader, log)
            case 5:
                lines += read(reader, chance.randrange(1, 12))
    lines += read(reader)
    assert numbers(lines) == list(range(log.count))
    assert reader.lost_files == 0


def test_a_line_is_read_when_it_is_whole(log: Log) -> None:
    log.write(1)
    reader = log.reader()
    read(reader)
    for part in (b'{"n":0000', b'0001,"x":"', b"x" * 100_000):
        log.write_raw(part)
        assert read(reader) == []
    log.write_raw(b'"}\n')
    assert numbers(read(reader)) == [1]


@pytest.mark.parametrize("size", [400, 50_000])
def test_a_torn_line_that_is_cut_off_later_is_never_read(log: Log, size: int) -> None:
    log.write(1)
    reader = log.reader()
    read(reader)
    log.write_raw(b"torn" * (size // 4))
    assert read(reader) == []
    # What the agent does at its next start.
    os.truncate(log.path, 301)
    log.write(2)
    assert numbers(read(reader)) == [1, 2]


def test_what_was_removed_before_it_was_read_is_counted(log: Log) -> None:
    for _ in range(6):
        log.write(4)
        log.rotate()
    reader = log.reader()
    assert numbers(read(reader, 2)) == [0, 1]
    reader = again(reader, log)
    for number in (1, 2, 3):
        log.file(number).unlink()
    assert numbers(read(reader)) == list(range(12, 24))
    assert reader.lost_files == 3


def test_a_removed_file_that_is_open_is_read_to_its_end(log: Log) -> None:
    log.write(4)
    reader = log.reader()
    read(reader, 1)
    log.rotate()
    log.file(1).unlink()
    log.write(1)
    assert numbers(read(reader)) == [1, 2, 3, 4]
    assert reader.lost_files == 0


@pytest.mark.parametrize("restart", [False, True])
def test_numbers_go_on_after_all_rotated_files_were_removed(log: Log, restart: bool) -> None:
    for _ in range(3):
        log.write(2)
        log.rotate()
    log.write(2)
    for number in (1, 2, 3):
        log.file(number).unlink()
    reader = log.reader()
    assert numbers(read(reader)) == [6, 7]
    # The agent remembers its numbers: this becomes the fourth.
    log.rotate()
    if restart:
        reader = again(reader, log)
    log.write(2)
    assert log.file(4).exists()
    assert numbers(read(reader)) == [8, 9]
    assert reader.lost_files == 0


def test_numbers_begin_anew(log: Log) -> None:
    for _ in range(3):
        log.write(2)
        log.rotate()
    reader = log.reader()
    assert len(read(reader)) == 6
    for number in (1, 2, 3):
        log.file(number).unlink()
    reader = again(reader, log)
    log.rotated._last_number = 0
    for _ in range(2):
        log.write(2)
        log.rotate()
    assert numbers(read(reader)) == [6, 7, 8, 9]


def test_an_emptied_log_is_read_from_its_beginning(log: Log) -> None:
    log.write(5)
    reader = log.reader()
    read(reader)
    os.truncate(log.path, 0)
    assert read(reader) == []
    log.write(2)
    assert numbers(read(reader)) == [5, 6]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("torn", [0, 100])
def test_lines_that_were_cut_off_again_cost_only_these(log: Log, restart: bool, torn: int) -> None:
    log.write(2)
    log.rotate()
    log.write(5)
    log.write_raw(line(7, 300) + b"\n")
    reader = log.reader()
    assert numbers(read(reader)) == list(range(8))
    # A full disk: the agent takes a chunk back of which lines were read, and begins it again.
    os.truncate(log.path, 5 * 301)
    with log.path.open("ab") as file:
        file.write(b"x" * torn)
    if restart:
        reader = again(reader, log)
    assert read(reader) == []
    os.truncate(log.path, 5 * 301)
    log.count = 7
    log.write(2)
    assert numbers(read(reader)) == [7, 8]
    assert reader.lost_files == 0


def test_a_log_that_was_emptied_and_begun_again_is_read_from_its_beginning(log: Log) -> None:
    log.write(5)
    reader = log.reader()
    read(reader)
    os.truncate(log.path, 0)
    log.write(2)
    assert read(reader) == []
    assert numbers(read(reader)) == [5, 6]


def test_a_damaged_file_is_left_and_counted(log: Log) -> None:
    log.write(500)
    log.rotate()
    log.write(1)
    log.rotate()
    log.compress()
    (damaged,) = log.path.parent.glob("*.000001.*")
    damaged.write_bytes(damaged.read_bytes()[:-20])
    reader = log.reader()
    found = numbers(read(reader))
    assert found[-1] == 500
    assert found[:-1] == list(range(len(found) - 1))
    assert reader.lost_files == 1


def test_what_is_not_compressed_at_all(log: Log) -> None:
    log.file(1, log.form).write_bytes(b"nonsense")
    log.file(2, ".gz").write_bytes(gzip.compress(line(0, 300) + b"\n"))
    reader = log.reader()
    assert numbers(read(reader)) == [0]
    assert reader.lost_files == 1


def test_a_place_survives_as_numbers_and_bytes(log: Log) -> None:
    log.write(2)
    reader = log.reader()
    read(reader, 1)
    assert reader.place() == Place(1, 301, line(0, 300)[:256])


def test_a_long_line_that_grows_is_not_searched_from_its_beginning_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def searched(count: int) -> int:
        path, read_bytes = tmp_path / f"{count}.log", 0
        path.touch()
        reader = LogReader(path, None, SHORT)
        pread = os.pread

        def counted(file: int, size: int, offset: int) -> bytes:
            nonlocal read_bytes
            data = pread(file, size, offset)
            read_bytes += len(data)
            return data

        with monkeypatch.context() as patched, path.open("ab", buffering=0) as file:
            patched.setattr(os, "pread", counted)
            for _ in range(count):
                file.write(b"x" * 100_000)
                assert reader.next() is None
            file.write(b"\n")
            long = reader.next()
            assert isinstance(long, LongLine)
            assert sum(map(len, long.parts)) == 100_000 * count
        reader.close()
        return read_bytes

    assert grows_no_faster(searched, 20)


@pytest.mark.parametrize("more", [0, 600_000])
def test_a_long_line_that_was_cut_off_may_be_followed_by_a_shorter_one(log: Log, more: int) -> None:
    log.write(1)
    reader = log.reader()
    read(reader)
    log.write_raw(b"x" * 500_000)
    assert read(reader) == []
    os.truncate(log.path, 301)
    log.write(1, size=2000)
    # With more behind it the file is longer than it was, and nobody sees that it was cut.
    log.write_raw(b"x" * more)
    found = read(reader)
    os.truncate(log.path, 2302)
    log.rotate()
    log.write(1)
    assert numbers(found + read(reader)) == [1, 2]


@pytest.mark.parametrize("size", [900, 2000, 300_000])
def test_what_compresses_to_nothing_is_not_in_memory_at_once(tmp_path: Path, size: int) -> None:
    """Clients choose how well a log is compressed."""

    def peak(count: int) -> int:
        path = tmp_path / f"{count}.log"
        data = (b"x" * (size - 1) + b"\n") * (count // size)
        path.with_name(f"{path.name}.000001.zst").write_bytes(zstandard.compress(data))
        del data
        reader, lines = LogReader(path, None, SHORT), 0
        tracemalloc.start()
        try:
            while (line := reader.next()) is not None:
                lines += 1
                if isinstance(line, LongLine):
                    for _ in line.parts:
                        pass
            assert lines == count // size
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            reader.close()

    assert peak(40 << 20) <= peak(10 << 20) + (1 << 20)
