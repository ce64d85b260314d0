"""Brings one file into the store, and makes sure that it is there."""

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from offload.s3.digests import Digests, difference, same_part
from offload.s3.ledger import Ledger, Unfinished
from offload.s3.parts import parts_of
from offload.s3.store import ExistsError, GoneError, Store, StoredObject, StoreError

_LOG = logging.getLogger(__name__)

# An upload of the same name that is younger may be another host's of that name.
_BEGAN = datetime.now(UTC)

# Two hosts of one name, or one that began anew in the same hour: not many more.
_MOST_RIVALS = 1000

# Sent once more, since something may have happened on the way; a store that does so again does so for ever.
_MOST_MISMATCHES = 2


def upload(
    store: Store, ledger: Ledger, file: BinaryIO, digests: Digests, key_of: Callable[[int], str]
) -> str:
    """Have ``file`` in the store under the first of its names that no object of another content has; returns that name.

    Nothing in the store is ever replaced. A file that is there already is not sent again.

    Args:
        store: where it goes.
        ledger: where an upload in parts is written down, so that it is resumed after a restart.
        file: what is read, in parts and perhaps again.
        digests: the file's.
        key_of: the file's name when so many rivals have the ones before.

    Raises:
        StoreError: the store could not be reached, or refused, or has something else than was sent.
        OSError: the file can't be read, or the ledger not written.
    """
    mismatches = 0
    for rival in range(_MOST_RIVALS):
        key = key_of(rival)
        found = _known(store, key)
        ours = found is None
        if found is None:
            # It exists: somebody was quicker, or it was ourselves, and an answer was lost.
            try:
                _send(store, ledger, key, file, digests)
            except ExistsError:
                ours = False
            found = store.head(key)
            if found is None:
                raise StoreError(f"{key} was sent, and is not there")
        # A store may drop metadata.
        if not ours and (found.sha256 or digests.sha256) != digests.sha256:
            continue
        wrong = _wrong(store, key, found, digests)
        if wrong is None:
            return key
        if not ours and found.sha256 is None and found.size != digests.size:
            continue
        _LOG.error("%s in the store is not the file: %s", key, wrong)
        mismatches += 1
        if mismatches == _MOST_MISMATCHES:
            raise StoreError(f"{key} in the store is not the file: {wrong}")
    raise StoreError(f"all names up to {key_of(_MOST_RIVALS - 1)} are taken by others")


def _known(store: Store, key: str) -> StoredObject | None:
    try:
        return store.head(key)
    except StoreError as error:
        # Who may write only is refused, and a bucket that is not there or elsewhere has no words for HEAD: the next request has.
        if error.code in ("400", "301", "403"):
            return None
        raise


def _wrong(store: Store, key: str, found: StoredObject, digests: Digests) -> str | None:
    wrong = difference(digests, found.size, found.checksum, found.etag)
    if wrong is None or found.size != digests.size or found.checksum is not None:
        return wrong
    # Stores that encrypt have ETags that only look like MD5.
    read = hashlib.sha256()
    for piece in store.read(key):
        read.update(piece)
    return None if read.hexdigest() == digests.sha256 else "its content is another"


def _send(store: Store, ledger: Ledger, key: str, file: BinaryIO, digests: Digests) -> None:
    parts = parts_of(digests.size)
    if len(parts) == 1:
        store.put(key, file, parts[0], digests)
        return
    upload_id, etags = _resume(store, ledger, key, digests)
    try:
        for part in parts:
            if part.number not in etags:
                etags[part.number] = store.put_part(
                    key, upload_id, file, part, digests.parts[part.number - 1]
                )
        store.complete(key, upload_id, etags, digests)
    except (GoneError, ExistsError):
        give_up(store, ledger)
        raise


def _resume(store: Store, ledger: Ledger, key: str, digests: Digests) -> tuple[str, dict[int, str]]:
    """The upload to go on with, and what it has already: ETags by the numbers of parts."""
    before = ledger.unfinished
    if before is not None and (before.store, before.key, before.sha256) == (store.name, key, digests.sha256):
        try:
            etags = {
                number: etag
                for number, checksum, etag in store.parts(key, before.upload_id)
                if same_part(digests.parts, number, checksum, etag)
            }
        except GoneError as error:
            _LOG.warning("an upload can't be resumed, it begins anew: %s", error)
        else:
            _LOG.info("%s is resumed, %d of its %d parts are there", key, len(etags), len(digests.parts))
            return before.upload_id, etags
    give_up(store, ledger)
    _tidy(store, key)
    upload_id = store.begin(key, digests.sha256)
    ledger.began(Unfinished(store.name, key, upload_id, digests.sha256))
    return upload_id, {}


def give_up(store: Store, ledger: Ledger) -> None:
    """Abort what was begun and won't be finished: its parts cost money.

    Raises:
        StoreError: the store could not be reached, or refused.
        OSError: the ledger can't be written.
    """
    before = ledger.unfinished
    if before is None:
        return
    if before.store == store.name:
        store.abort(before.key, before.upload_id)
    else:
        _LOG.warning("an upload to another store is left unfinished there: %s", before.key)
    ledger.began(None)


def _tidy(store: Store, key: str) -> None:
    """Abort what a run began whose ledger is lost."""
    try:
        for upload_id in store.unfinished(key, _BEGAN):
            store.abort(key, upload_id)
    except StoreError as error:
        # It needs a right of its own; a life cycle rule does the same (docs/offload.md).
        _LOG.info("it can't be seen whether an earlier upload is unfinished: %s", error)
