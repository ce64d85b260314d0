"""What a store should say of an object when it has all of it, unchanged."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from offload.s3.parts import Part, parts_of

_STEP_BYTES = 1 << 20


@dataclass(frozen=True)
class PartDigests:
    """Of one part's bytes."""

    sha256: bytes
    md5: bytes

    @property
    def checksum(self) -> str:
        """As the additional checksum of a request (`x-amz-checksum-sha256`)."""
        return base64.b64encode(self.sha256).decode()

    @property
    def etag(self) -> str:
        """As stores name a part, but for those that encrypt with keys of their own."""
        return self.md5.hex()


@dataclass(frozen=True)
class Digests:
    """Of a file and its parts."""

    size: int
    sha256: str
    """Of all of it, hexadecimal."""
    parts: tuple[PartDigests, ...]

    @property
    def checksum(self) -> str:
        """The additional checksum of the object: of several parts that of their checksums, with their number ("composite")."""
        if len(self.parts) == 1:
            return self.parts[0].checksum
        joined = hashlib.sha256(b"".join(part.sha256 for part in self.parts)).digest()
        return f"{base64.b64encode(joined).decode()}-{len(self.parts)}"

    @property
    def etag(self) -> str:
        """The object's ETag, in stores where it is made of MD5 sums."""
        if len(self.parts) == 1:
            return self.parts[0].etag
        joined = hashlib.md5(b"".join(part.md5 for part in self.parts), usedforsecurity=False)
        return f"{joined.hexdigest()}-{len(self.parts)}"


def digests_of(file: BinaryIO, size: int) -> Digests:
    """Read a file of this size, more than 0, once.

    Raises:
        OSError: it can't be read, or has ended before.
    """
    whole = hashlib.sha256()
    file.seek(0)
    parts = tuple(_digest(file, part, whole) for part in parts_of(size))
    return Digests(size, whole.hexdigest(), parts)


def _digest(file: BinaryIO, part: Part, whole: "hashlib._Hash") -> PartDigests:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    left = part.size
    while left:
        step = file.read(min(left, _STEP_BYTES))
        if not step:
            raise EOFError("the file has become shorter")
        for digest in (sha256, md5, whole):
            digest.update(step)
        left -= len(step)
    return PartDigests(sha256.digest(), md5.digest())


def difference(expected: Digests, size: int, checksum: str | None, etag: str | None) -> str | None:
    """What is wrong with what a store says of an object; None: nothing is.

    Args:
        expected: the file's.
        size: the object's.
        checksum: its additional checksum, if the store knows these.
        etag: without its quotes; compared when there is no checksum.
    """
    if size != expected.size:
        return f"it has {size} bytes, the file {expected.size}"
    if checksum is not None:
        # A store may leave out the number of parts.
        known = (expected.checksum, expected.checksum.partition("-")[0])
        return None if checksum in known else f"its SHA-256 is {checksum}, the file's {expected.checksum}"
    return None if etag == expected.etag else f"its ETag is {etag}, the file's {expected.etag}"


def same_part(expected: Sequence[PartDigests], number: int, checksum: str | None, etag: str | None) -> bool:
    """Whether what a store has as the part ``number`` of an unfinished upload is what the file has there."""
    if not 1 <= number <= len(expected):
        return False
    part = expected[number - 1]
    return checksum == part.checksum if checksum is not None else etag == part.etag
