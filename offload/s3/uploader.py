"""Uploads the rotated files of the capture log, one after the other, for as long as the process lives."""

import contextlib
import logging
import os
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from offload.s3.backoff import Backoff
from offload.s3.digests import digests_of
from offload.s3.first_line import first_line_time
from offload.s3.ledger import Ledger
from offload.s3.naming import Destination, object_key
from offload.s3.pace import Pace
from offload.s3.status import Status
from offload.s3.store import Store, StoreError, StoreSettings, Traffic
from offload.s3.upload import give_up, upload
from offload.s3.waiting import Rotated, began_anew, next_upload, rotated_files, waiting
from offload.trouble import Trouble
from offload.whose import as_the_offload, no_link

_LOG = logging.getLogger(__name__)

# How soon a new file is seen.
_LOOK_S = 2.0

# How soon renewed credentials are, while their lack is waited out.
_LOOK_AT_CREDENTIALS_S = 1.0


@dataclass(frozen=True)
class UploaderSettings:
    """See `haproxy_config.settings.ProxySettings` for what each means to an operator."""

    url: str
    region: str
    endpoint: str
    storage_class: str
    kms_key: str
    bytes_per_s: int
    host: str
    """Empty: the container's host name."""
    cluster: str
    log: Path
    """The capture log; its rotated files lie beside it."""
    ledger: Path
    credentials: Path
    """A credentials file that comes before all else that boto3 looks at, where there is one; its change means that they were renewed."""


class _StoppedError(Exception):
    """Told to stop while something is sent."""


class Uploader:
    """One thread's. Whatever ends the process in whatever moment, the next one goes on from there.

    Raises:
        ValueError: the settings' URL is none of a bucket.
    """

    def __init__(self, settings: UploaderSettings, trouble: Trouble) -> None:
        self._settings = settings
        self._trouble = trouble
        self._stop = threading.Event()
        self._destination = Destination.from_url(settings.url)
        self._host = settings.host or os.uname().nodename
        self._pace = Pace(settings.bytes_per_s, time.monotonic())
        self._traffic = Traffic(self._send)
        self._ledger = Ledger(settings.ledger)
        self._backoff = Backoff(random.random)
        self._store: Store | None = None
        self._seen = self._credentials_stamp()
        self._status = Status(settings.url)

    def run(self, stop: threading.Event) -> None:
        """Upload what there is and what comes, until ``stop`` is set."""
        self._stop = stop
        while not self._stop.is_set():
            try:
                if not self.step():
                    self._stop.wait(_LOOK_S)
            except (StoreError, OSError, EOFError) as error:
                self._wait_after(str(error))

    def step(self) -> bool:
        """Upload the next file; False when there is none.

        Raises:
            StoreError: the store could not be reached, or refused.
            OSError: a file can't be read or written.
        """
        # Looked at twice: while the agent removes files, oldest first, a look may see an older one last.
        if self._began_anew() and self._began_anew():
            _LOG.warning("the numbers of rotated files begin anew, %d were uploaded", self._ledger.last)
            self._ledger.begin_anew()
        one = self._look()
        if one is None:
            # A file that goes has no upload to be finished; one that comes back does not exist.
            if self._ledger.unfinished is not None and not self._status.waiting_files:
                give_up(self._current_store(), self._ledger)
            return False
        try:
            self._upload(one)
        except FileNotFoundError:
            if one.path.exists():
                raise
            _LOG.error("%s was removed before it was uploaded", one.path.name)
        finally:
            self._status.uploading, self._status.uploading_bytes = None, 0
        self._trouble.over()
        self._backoff.succeeded()
        return True

    def told(self) -> dict[str, Any]:
        """For the status, of this moment; any thread may ask."""
        with contextlib.suppress(OSError):
            self._look()
        return self._status.as_dict()

    def _began_anew(self) -> bool:
        return began_anew(rotated_files(self._settings.log), self._ledger.last)

    def _look(self) -> Rotated | None:
        found, last = rotated_files(self._settings.log), self._ledger.last
        wait = waiting(found, 0 if began_anew(found, last) else last)
        status = self._status
        status.waiting_files = len({one.number for one in wait})
        status.waiting_bytes = sum(one.size for one in wait)
        oldest_s = min((one.written_s for one in wait), default=None)
        status.waiting_since = None if oldest_s is None else f"{datetime.fromtimestamp(oldest_s, UTC):%FT%TZ}"
        return next_upload(wait)

    def _upload(self, one: Rotated) -> None:
        with open(one.path, "rb", opener=no_link) as file:
            size = os.fstat(file.fileno()).st_size
            if size:
                self._status.uploading, self._status.uploading_bytes = one.path.name, size
                digests = digests_of(file, size)
                began = first_line_time(file, one.form, one.written_s)
                settings = self._settings

                def key_of(rival: int) -> str:
                    return object_key(
                        self._destination.prefix,
                        settings.cluster,
                        began,
                        self._host,
                        one.number,
                        one.form,
                        rival,
                    )

                key = upload(self._current_store(), self._ledger, file, digests, key_of)
                self._status.uploaded_files += 1
                self._status.uploaded_bytes += size
                self._status.last_upload = key
                _LOG.info("uploaded %s as %s", one.path.name, key)
        if self._ledger.last:
            self._count_missing(one.number - self._ledger.last - 1)
        self._ledger.verified(one.number)

    def _count_missing(self, count: int) -> None:
        if count > 0:
            self._status.missing_files += count
            _LOG.error("%d files were removed before they were uploaded", count)

    def _current_store(self) -> Store:
        """With the credentials that there are now: boto3 reads those of a file only once."""
        stamp = self._credentials_stamp()
        if self._store is None or stamp != self._seen:
            self._seen = stamp
            settings = self._settings
            self._store = Store(
                StoreSettings(
                    self._destination.bucket,
                    settings.region,
                    settings.endpoint,
                    settings.storage_class,
                    settings.kms_key,
                    settings.credentials if stamp is not None else None,
                ),
                self._traffic,
            )
        return self._store

    def _credentials_stamp(self) -> tuple[int, int] | None:
        try:
            with as_the_offload():
                seen = self._settings.credentials.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns

    def _wait_after(self, text: str) -> None:
        if self._stop.is_set():
            return
        self._trouble.happened(text)
        # What boto3 did not find it may find next time: the session is made anew.
        self._store = None
        stamp = self._credentials_stamp()
        until_s = time.monotonic() + self._backoff.failed()
        while (left_s := until_s - time.monotonic()) > 0:
            if self._stop.wait(min(left_s, _LOOK_AT_CREDENTIALS_S)):
                return
            if self._credentials_stamp() != stamp:
                self._backoff.succeeded()
                return

    def _send(self, size: int) -> None:
        self._status.sent_bytes += size
        if self._stop.wait(self._pace.wait_s(size, time.monotonic())):
            raise _StoppedError
