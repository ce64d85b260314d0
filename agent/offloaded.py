"""Which rotated files need not be kept here: the offload says in files of its own up to which number it has them elsewhere."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

_LOG = logging.getLogger(__name__)


class Offloaded:
    """What is known of the offload's work.

    Args:
        ledgers: a file for each place that the capture goes to: a JSON object with the number ``last``, replaced as a whole.
        keep_bytes: of the files that are elsewhere too, the newest are kept here, up to so many bytes.
    """

    def __init__(self, ledgers: Sequence[Path], keep_bytes: int) -> None:
        self.keep_bytes = keep_bytes
        self._ledgers = [_Ledger(path) for path in ledgers]

    def last(self, newest: int) -> int:
        """All files up to this number are verified to be everywhere that they go to; 0: none is.

        Args:
            newest: of the files that are here. It is removed last, so a ledger that is beyond it tells of others: numbers began anew since.
        """
        return min(last if (last := ledger.last()) <= newest else 0 for ledger in self._ledgers)


def newest_number(directory: Path) -> int:
    """The highest number that any ledger in ``directory`` speaks of, also of an offload that is off now; 0: none does.

    A number at or below it would be taken for that of a file which is elsewhere already.
    """
    try:
        return max((_Ledger(path).last() for path in directory.glob("*.json")), default=0)
    except OSError as error:
        _LOG.error("%s can't be read: %s", directory, error)
        return 0


class _Ledger:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0
        self._seen: tuple[int, int] | None = None
        self._said = False

    def last(self) -> int:
        """What the file says, or said when it could be read; it is read when it is another one."""
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns)
            if seen != self._seen:
                self._last = int(json.loads(self._path.read_bytes())["last"])
                self._seen, self._said = seen, False
        except FileNotFoundError:
            # Nothing has been taken yet.
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            if not self._said:
                self._said = True
                _LOG.error("%s can't be read, what it was about is kept: %s", self._path, error)
        return self._last
