"""How objects are named: the layout of a data set that is partitioned by cluster, date and hour (UTC)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

# Bucket naming rules of Amazon S3, and the underscore of older buckets and other stores.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.IGNORECASE)

# "Safe characters" of object keys (Amazon S3 User Guide, "Naming Amazon S3 objects"), and "=" for the partitions.
_NOT_SAFE = re.compile(r"[^A-Za-z0-9!_.*'()=-]+")


@dataclass(frozen=True)
class Destination:
    """Where objects go."""

    bucket: str
    prefix: str
    """Without a slash at its ends; may be empty."""

    @classmethod
    def from_url(cls, url: str) -> "Destination":
        """Read ``s3://BUCKET/PREFIX``.

        Raises:
            ValueError: it is something else.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
            raise ValueError(f"'{url}' is not of the form s3://BUCKET/PREFIX")
        return cls(parts.netloc, parts.path.strip("/"))


def object_key(
    prefix: str, cluster: str, began: datetime, host: str, number: int, form: str, rival: int
) -> str:
    """The key of a rotated file.

    Args:
        prefix: as in `Destination`.
        cluster: ``primary`` or ``shadow``.
        began: what the file's first line says of its time.
        host: whose capture it is.
        number: the rotated file's.
        form: how it is compressed, e.g. ``.zst``.
        rival: 0, or how many objects of another content have been found under the names that this file should have had.
    """
    at = began.astimezone(UTC)
    name = f"{safe(host)}-{number:06d}{f'-{rival}' if rival else ''}.log{form}"
    folder = f"cluster={cluster}/date={at:%Y-%m-%d}/hour={at:%H}"
    return "/".join(part for part in (prefix, folder, name) if part)


def safe(host: str) -> str:
    """``host`` in characters that need no care in object keys."""
    return _NOT_SAFE.sub("_", host) or "_"
