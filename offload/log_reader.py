"""Follows the capture log from file to file, whatever becomes of the files: renamed, compressed, removed, emptied.

A place in it is a file's number and an offset in that file's lines. The file that is being written has the number that it will get when it is
full. A file is known again by its first bytes: they begin with the time of its first transaction.
"""

import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Protocol

import zstandard

from offload.whose import no_link

# So much of a file says which one it is.
_HEAD_BYTES = 256
_BLOCK_BYTES = 65536
# What is compressed becomes ten times as long, or thirty thousand times, as its clients like: 8 MiB come of this at most (`record.content_coding`).
_COMPRESSED_BYTES = 256

_FORMS = ("", ".zst", ".gz")


class _Decoded(Protocol):
    """What the libraries' decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_CODINGS: dict[str, Callable[[], _Decoded]] = {
    ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
    ".gz": lambda: zlib.decompressobj(wbits=31),
}
_DAMAGES = (zlib.error, zstandard.ZstdError)


@dataclass(frozen=True)
class Place:
    """Where the next line begins."""

    number: int
    offset: int
    head: bytes = b""
    """The first bytes of its file; empty while no line of it was read."""
    before: bytes = b""
    """The first bytes of the file before it, which is not to be read again whatever its number is."""


class LongLine:
    """A line that is not in memory. It must be read to its end, or not at all, before the next one is asked for."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts = parts
        """Its bytes, without the line end."""


class LogReader:
    """Reads whole lines only. For one thread.

    Args:
        path: the capture log.
        place: where to go on; None: with the oldest line that there is.
        short_bytes: lines up to this are given as bytes, longer ones as `LongLine`.

    Every method may raise OSError; it can be called again then.
    """

    def __init__(self, path: Path, place: Place | None, short_bytes: int) -> None:
        self._path = path
        self._pattern = re.compile(re.escape(path.name) + r"\.(\d{6,})(?:\.(?:zst|gz))?")
        self._short_bytes = short_bytes
        self._place = place
        self._file: _File | None = None
        self.lost_files = 0
        """Files that were removed, or damaged, before they were read to their end."""

    def place(self) -> Place | None:
        """Where the next line begins; None: there has been no file yet."""
        file = self._file
        return self._place if file is None else Place(file.number, file.offset, file.head, file.before)

    def close(self) -> None:
        """Give the file up; `place` stays."""
        if self._file is not None:
            place = self.place()
            assert place is not None
            self._leave(place)

    def next(self) -> bytes | LongLine | None:
        """The next line, without its end; None: there is none at the moment."""
        while True:
            if self._file is None and not self._open():
                return None
            assert self._file is not None
            line = self._file.line(self._short_bytes)
            if line is not None:
                return line
            finished = self._finished(self._file)
            if finished:
                # What came between the two.
                self._file.look_from_the_beginning()
                line = self._file.line(self._short_bytes)
                if line is not None:
                    return line
            if not finished:
                if self._file.is_shorter():
                    self._leave(self._file.place_when_shorter())
                return None
            self.lost_files += self._file.damaged
            self._leave(Place(self._file.number + 1, 0, before=self._file.head))

    def _leave(self, place: Place) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        self._place = place

    def waiting(self) -> tuple[int, int]:
        """Files and bytes (compressed where they are) that are not read yet."""
        at = self.place()
        found = self._found()
        sizes = [self._size(number) for number in found if at is None or number > at.number]
        if self._file is not None:
            sizes.append(self._file.rest())
        if self._file is None or self._file.number <= max(found, default=0):
            sizes.append(_size(self._path))
        sizes = [size for size in sizes if size > 0]
        return len(sizes), sum(sizes)

    def _finished(self, file: "_File") -> bool:
        """Whether nothing more is written to ``file``."""
        if file.compressed:
            return True
        try:
            current = self._path.stat()
        except FileNotFoundError:
            # Between being taken away and the next line; or it is a rotated one.
            return self._size(file.number) > 0
        return (current.st_dev, current.st_ino) != file.identity

    def _open(self) -> bool:
        """Open the file of the place; False: there is nothing to read at the moment."""
        place, found = self._place, self._found()
        last = max(found, default=0)
        if place is None:
            place = Place(min(found, default=last + 1), 0)
        elif place.head:
            while not self._open_same(place, found):
                if (changed := self._found()) == found:
                    self.lost_files += 1
                    self._place = Place(place.number + 1, 0)
                    return self._open()
                found = changed
            return True
        elif found and place.number > last + 1:
            # Numbers begin anew.
            place = Place(min(found, default=last + 1), 0, before=place.before)
        return self._open_next(place, found)

    def _open_same(self, place: Place, found: list[int]) -> bool:
        """Open the file with the first bytes of the place; numbers begin anew where all files were removed."""
        rotated = (self._open_rotated(number) for number in sorted(found, key=lambda n: n != place.number))
        return any(self._use(file, place) for file in rotated) or self._use(
            self._open_file(self._path, max(*found, place.number - 1, 0) + 1), place
        )

    def _open_next(self, place: Place, found: list[int]) -> bool:
        """Open the file with the place's number, or the next one that there is."""
        for number in (number for number in found if number >= place.number):
            if (file := self._open_rotated(number)) is None:
                # Removed just now.
                continue
            if not (place.before and file.begins_with(place.before)):
                self.lost_files += number - place.number
                return self._use(file, Place(number, 0, before=place.before))
            file.close()
            place = Place(number + 1, 0, before=place.before)
        # Numbers only grow while the agent runs, whatever is removed.
        number = max(max(found, default=0) + 1, place.number)
        file = self._open_file(self._path, number)
        if file is None:
            return False
        if self._size(number) or (place.before and file.begins_with(place.before)):
            # It was taken away just now, and this may be the one after it.
            file.close()
            return False
        self.lost_files += number - place.number
        return self._use(file, Place(number, 0, before=place.before))

    def _use(self, file: "_File | None", place: Place) -> bool:
        """Go to the place in ``file``, if it is the file of that place."""
        if file is None:
            return False
        if file.go_to(place):
            self._file = file
            return True
        file.close()
        return False

    def _open_rotated(self, number: int) -> "_File | None":
        # The compressed one is there before the plain one goes.
        files = (self._open_file(self._name(number, form), number) for form in _FORMS)
        return next((file for file in files if file is not None), None)

    @staticmethod
    def _open_file(path: Path, number: int) -> "_File | None":
        try:
            return _File(path, number, path.suffix)
        except FileNotFoundError:
            return None

    def _name(self, number: int, form: str = "") -> Path:
        return self._path.with_name(f"{self._path.name}.{number:06d}{form}")

    def _found(self) -> list[int]:
        """The numbers of the rotated files."""
        matches = (self._pattern.fullmatch(file.name) for file in self._path.parent.iterdir())
        return sorted({int(match[1]) for match in matches if match})

    def _size(self, number: int) -> int:
        return next((size for form in _FORMS if (size := _size(self._name(number, form)))), 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class _File:
    """One open file, which is read to its end whatever becomes of its name."""

    def __init__(self, path: Path, number: int, suffix: str) -> None:
        self.number = number
        raw = FileIO(os.fspath(path), "rb", opener=no_link)
        status = os.fstat(raw.fileno())
        self._raw = raw
        self.identity = (status.st_dev, status.st_ino)
        self._decoded: _Decoded | None = _CODINGS[suffix]() if suffix in _CODINGS else None
        self.compressed = self._decoded is not None
        self._buffer = b""
        self._at = 0
        self.offset = 0
        """Where the next line begins, in bytes of lines."""
        self.head = b""
        """The first bytes, once a line was read."""
        self.before = b""
        self.damaged = False
        """Whether reading ended before the end of a compressed file."""
        self._no_end = (0, 0)
        """Where a line begins, and up to where no end of it was found."""

    def close(self) -> None:
        self._raw.close()

    def begins_with(self, head: bytes) -> bool:
        if not self._buffer:
            self._fill()
        return self._buffer.startswith(head)

    def go_to(self, place: Place) -> bool:
        """Go there, from the beginning; False: this is not the file of that place."""
        if not self.begins_with(place.head):
            return False
        if self.compressed:
            missing = place.offset
            while missing > len(self._buffer):
                missing -= len(self._buffer)
                self._at = len(self._buffer)
                if not self._fill():
                    return False
            self._at = missing
        else:
            size = self._size()
            if place.offset > size:
                if not place.head:
                    return False
                place = replace(place, offset=self._end_of_lines(size))
            self._raw.seek(place.offset)
            self._buffer, self._at = b"", 0
        self.offset, self.head, self.before = place.offset, place.head, place.before
        return True

    def is_shorter(self) -> bool:
        """Whether less is there than was read."""
        return not self.compressed and self._size() < self.offset

    def place_when_shorter(self) -> Place:
        """Where to go on: the agent takes back what a full disk let it write in part; anybody else empties the file."""
        size = self._size()
        if size and self.head and os.pread(self._raw.fileno(), len(self.head), 0) == self.head:
            return Place(self.number, self._end_of_lines(size), self.head, self.before)
        return Place(self.number, 0)

    def _end_of_lines(self, size: int) -> int:
        """Where the last line end in the first ``size`` bytes is behind; 0 without one."""
        while size > 0:
            start = max(size - _BLOCK_BYTES, 0)
            end = os.pread(self._raw.fileno(), size - start, start).rfind(b"\n")
            if end >= 0:
                return start + end + 1
            size = start
        return 0

    def _size(self) -> int:
        return os.fstat(self._raw.fileno()).st_size

    def rest(self) -> int:
        """Bytes that are not read yet, as they are on the disk."""
        size = self._size()
        return max(size - (self._raw.tell() if self.compressed else self.offset), 0)

    def line(self, short_bytes: int) -> bytes | LongLine | None:
        """The next line; None: no whole one is there."""
        searched = self._at
        while True:
            end = self._buffer.find(b"\n", searched)
            if 0 <= end <= self._at + short_bytes:
                line = self._buffer[self._at : end]
                self._note_head(line)
                self._at = end + 1
                self.offset += len(line) + 1
                return line
            if len(self._buffer) - self._at > short_bytes:
                if end < 0 and not self.compressed and not self._has_end():
                    self._forget()
                    return None
                self._note_head(self._buffer[self._at : self._at + _HEAD_BYTES])
                return LongLine(self._long())
            searched = len(self._buffer) - self._at
            if not self._fill():
                self._forget()
                return None

    def _forget(self) -> None:
        """A line that is not whole may be cut off and another one written in its place."""
        if not self.compressed:
            self._raw.seek(self.offset)
            self._buffer, self._at = b"", 0

    def _fill(self) -> bool:
        block = self._raw.read(_BLOCK_BYTES) if self._decoded is None else self._decode(self._decoded)
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return bool(block)

    def _decode(self, decoded: "_Decoded") -> bytes:
        blocks: list[bytes] = []
        size = 0
        try:
            while size < _BLOCK_BYTES and not decoded.eof and not self.damaged:
                data = self._raw.read(_COMPRESSED_BYTES)
                blocks.append(decoded.decompress(data))
                size += len(blocks[-1])
                self.damaged = not data
        except _DAMAGES:
            self.damaged = True
        return b"".join(blocks)

    def _note_head(self, line: bytes) -> None:
        if not self.head and self.offset == 0:
            self.head = line[:_HEAD_BYTES]

    def _has_end(self) -> bool:
        """Whether the line that begins in the buffer has its end in the file: a long one is written in parts."""
        at = self._raw.tell()
        line, searched = self._no_end
        if line == self.offset and searched <= self._size():
            # It has only grown since this was asked last.
            at = max(at, searched)
        while block := os.pread(self._raw.fileno(), 1 << 20, at):
            if b"\n" in block:
                return True
            at += len(block)
        self._no_end = self.offset, at
        return False

    def look_from_the_beginning(self) -> None:
        """Forget how far no line end was found: one that was cut off may have been replaced by a shorter one."""
        self._no_end = (0, 0)

    def _long(self) -> Iterator[bytes]:
        while True:
            end = self._buffer.find(b"\n", self._at)
            part = self._buffer[self._at : None if end < 0 else end]
            self._at += len(part) + (end >= 0)
            self.offset += len(part) + (end >= 0)
            if part:
                yield part
            if end >= 0 or not self._fill():
                return
