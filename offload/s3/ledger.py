"""What has been uploaded, and what is half uploaded: a file that survives restarts, and that the agent reads (`agent/offloaded.py`)."""

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from service.atomic_file import write_atomically

_LOG = logging.getLogger(__name__)

# The agent is of the same group.
_MODE = 0o640


@dataclass(frozen=True)
class Unfinished:
    """A multipart upload that was begun and is not finished."""

    store: str
    """Where: bucket and endpoint."""
    key: str
    upload_id: str
    sha256: str
    """Of the file, hexadecimal."""


class Ledger:
    """One uploader's.

    Args:
        path: the file; its directory must be writable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last = 0
        """All files up to this number are verified to be in the store."""
        self.unfinished: Unfinished | None = None
        self._read()

    def verified(self, number: int) -> None:
        """The file ``number`` is in the store.

        Raises:
            OSError: it can't be written down.
        """
        self.last, self.unfinished = number, None
        self._write()

    def begin_anew(self) -> None:
        """The numbers of files begin anew: nothing of them is in the store.

        Raises:
            OSError: it can't be written down.
        """
        self.last = 0
        self._write()

    def began(self, upload: Unfinished | None) -> None:
        """An upload in parts was begun; None: it has been given up.

        Raises:
            OSError: it can't be written down.
        """
        self.unfinished = upload
        self._write()

    def _read(self) -> None:
        try:
            values = json.loads(self._path.read_bytes())
            unfinished = values["unfinished"]
            self.unfinished = Unfinished(**unfinished) if unfinished else None
            self.last = int(values["last"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            # What is in the store already is found there.
            _LOG.warning("%s can't be read, everything is looked up again: %s", self._path, error)

    def _write(self) -> None:
        values = {
            "last": self.last,
            "unfinished": dataclasses.asdict(self.unfinished) if self.unfinished else None,
        }
        write_atomically(self._path, [json.dumps(values).encode() + b"\n"], _MODE)
