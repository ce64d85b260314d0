"""Rotated files: compressed forms take the place of files only when they are on the disk, and what the bound removes is counted and said."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agent import removed_files
from agent.rotated_files import RotatedFiles
from tests.unit.test_capture_log import (
    LARGE,
    PATIENCE_S,
    all_lines,
    compressed,
    leave,
    line,
    make,
    packed,
    rotated,
    until,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "haproxy-traffic.log"


def rotate_and_look(path: Path, files: int = 1) -> RotatedFiles:
    """Take so many files of a line each, and try once to compress them all."""
    old = RotatedFiles(path, LARGE, LARGE * 8)
    for number in range(files):
        path.write_bytes(line(number, 1000))
        old.take()
    old._compress_all()
    return old


def test_a_file_goes_only_when_its_compressed_form_is_on_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real: dict[str, Callable[..., Any]] = {"fsync": os.fsync, "rename": Path.rename, "unlink": Path.unlink}

    def fsync(descriptor: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        real["fsync"](descriptor)

    def rename(self: Path, target: Path) -> Path:
        done.append(f"rename to {target.name}")
        real["rename"](self, target)
        return target

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self.exists():
            done.append(f"unlink {self.name}")
        real["unlink"](self, missing_ok)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(Path, "unlink", unlink)
    rotate_and_look(path)
    assert done == [
        f"rename to {path.name}.000001",
        f"fsync {path.name}.000001.zst.partial",
        f"rename to {path.name}.000001.zst",
        f"fsync {path.parent.name}",
        f"unlink {path.name}.000001",
    ]
    assert all_lines(path) == [line(0, 1000)]


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_disk_that_does_not_write_through_keeps_the_plain_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == (what == "directory"):
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as refusing:
        refusing.setattr(os, "fsync", refuse)
        old = rotate_and_look(path)
    assert [other.name for other in path.parent.iterdir()] == [f"{path.name}.000001"]
    assert "it stays as it is: [Errno 5] Input/output error" in caplog.text
    old._compress_all()
    assert [other.name for other in path.parent.iterdir()] == [f"{path.name}.000001.zst"]
    assert all_lines(path) == [line(0, 1000)]


def test_a_filesystem_that_knows_no_directories_on_the_disk_is_none_of_ours(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    rotate_and_look(path)
    assert [other.name for other in path.parent.iterdir()] == [f"{path.name}.000001.zst"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda packed: b"", "has 0 of 1000 bytes"),
        (lambda packed: packed[: len(packed) // 2], "has 0 of 1000 bytes"),
        (lambda packed: zstandard.compress(line(0, 500)), "has 500 of 1000 bytes"),
        (lambda packed: packed[:-1] + bytes((packed[-1] ^ 1,)), "can't be read"),
        (lambda packed: b"no zstd", "can't be read"),
    ],
    ids=["empty", "cut", "another", "checksum", "garbage"],
)
def test_what_is_not_all_of_the_file_does_not_take_its_place(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    said: str,
) -> None:
    fsync = os.fsync

    def damaged(descriptor: int) -> None:
        fsync(descriptor)
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            packed = os.pread(descriptor, 1 << 20, 0)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, damage(packed), 0)

    with monkeypatch.context() as damaging:
        damaging.setattr(os, "fsync", damaged)
        old = rotate_and_look(path)
    assert [other.name for other in path.parent.iterdir()] == [f"{path.name}.000001"]
    assert said in caplog.text
    old._compress_all()
    assert all_lines(path) == [line(0, 1000)]
    assert rotated(path)[0].suffix == ".zst"


def test_a_file_that_cant_be_read_keeps_no_other_from_being_compressed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = RotatedFiles._copy

    def refuse(self: RotatedFiles, number: int, *arguments: Any) -> bool:
        if number == 1:
            raise OSError(errno.EIO, "Input/output error")
        return copy(self, number, *arguments)

    monkeypatch.setattr(RotatedFiles, "_copy", refuse)
    rotate_and_look(path, 3)
    assert [other.suffix for other in rotated(path)] == [".000001", ".zst", ".zst"]


@pytest.mark.parametrize("packed_form", [b"", packed(".gz", line(1))[:10]])
def test_an_earlier_versions_form_that_never_reached_the_disk_costs_nothing(
    path: Path, packed_form: bytes
) -> None:
    leave(path, ".000001", line(1))
    leave(path, ".000001.gz", packed_form)
    log = make(path)
    log.start()
    compressed(path)
    log.close(PATIENCE_S)
    assert all_lines(path) == [line(1)]


def test_an_empty_compressed_file_is_said_to_be_one(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave(path, ".000001.zst", b"")
    leave(path, ".000002.zst", packed(".zst", line(2)))
    # This one is about to be made again.
    leave(path, ".000003", line(3))
    leave(path, ".000003.zst", b"")
    log = make(path)
    log.start()
    until(lambda: len(rotated(path)) == 3, "the compression")
    log.close(PATIENCE_S)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said == [f"{path}.000001.zst is empty: the machine stopped before its lines were on the disk"]


# The bound


def test_what_the_bound_removes_is_counted_without_an_offload_too(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1, 9):
        leave(path, f".{number:06d}.zst", os.urandom(1000))
    log = make(path, file_bytes=1000, total_bytes=4000)
    log._rotated._make_room()
    assert (log.removed_files, log.removed_bytes, log.removed_unsent) == (5, 5000, 0)
    # The next ones are counted at once, and said later.
    leave(path, ".000009.zst", os.urandom(700))
    log._rotated._make_room()
    assert (log.removed_files, log.removed_bytes) == (6, 6000)
    message = (
        f"removed {path.name}.000001 to {path.name}.000005 (5000 bytes): the capture logs would exceed 4000 bytes;"
        " 5 files with 5000 bytes were removed until now"
    )
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, message)
    ]


def test_what_was_removed_within_a_minute_of_a_message_is_said_when_that_is_over(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(removed_files, "_SAY_S", 0.05)
    log = make(path, file_bytes=1000, total_bytes=1000)
    for number in (1, 2):
        leave(path, f".{number:06d}.zst", b"x")
        log._rotated._make_room()
    assert "000002" not in caplog.text
    log.start()
    until(
        lambda: "removed haproxy-traffic.log.000002 (1 bytes)" in caplog.text, "a word about the second one"
    )
    log.close(PATIENCE_S)
