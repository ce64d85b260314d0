"""How a file is cut into the parts of a multipart upload."""

from typing import NamedTuple

MIB = 1 << 20

PART_BYTES = 8 * MIB
"""What one part has, but for the last one; a file up to this is sent in one request."""

# Amazon S3: 5 MiB to 5 GiB a part (the last may be smaller), 10,000 parts at most.
_MOST_PARTS = 10_000


class Part(NamedTuple):
    """A piece of a file."""

    number: int
    """From 1."""
    offset: int
    size: int


def part_size(file_bytes: int) -> int:
    """The size of the parts of such a file: the same one for the same size, so that an upload can be resumed."""
    least = -(-file_bytes // _MOST_PARTS)
    return max(PART_BYTES, -(-least // MIB) * MIB)


def parts_of(file_bytes: int) -> list[Part]:
    """The parts of a file of this size, which is more than 0."""
    size = part_size(file_bytes)
    return [
        Part(number, offset, min(size, file_bytes - offset))
        for number, offset in enumerate(range(0, file_bytes, size), start=1)
    ]
