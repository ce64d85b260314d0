"""Requests that a stopping agent had not mirrored yet, kept in a file for the next one.

They stand there as the clients sent them, credentials included, so the file is its owner's alone. An agent that takes them moves them to a second file, which
goes when the shadow is done with all of them: whoever is killed before that leaves them to the next one, for which they are perhaps repeated.
"""

import base64
import bisect
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.footprints.as_json import dump_footprint, load_footprint
from agent.footprints.footprint import EVERYTHING, Footprint
from agent.mirror_connection import Job
from service.atomic_file import write_atomically

_LOG = logging.getLogger(__name__)

# Nobody but the proxy's user: the log has secrets removed, these requests have not.
_MODE = 0o600


class Row(NamedTuple):
    """One request as it is kept."""

    position: int
    """Its place among the others; grows."""
    earlier_completions: int
    """All with at most twice this position come first (`agent.mirror_connection.Job`)."""
    head: bool
    message: bytes
    perhaps_repeated: bool
    footprint: Footprint = EVERYTHING
    """What it reads and writes."""


class UnsentFile:
    """The file, beside the capture log. What can't be read or written is said, and the agent goes on.

    Args:
        path: of the file; the second one is called so with ``.taken`` behind it.
        max_bytes: of requests that are kept, at most: the next agent has them in memory.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._taken = path.with_name(f"{path.name}.taken")
        self._max_bytes = max_bytes
        self._open = 0

    def take(self) -> list[Job]:
        """What the agent before this one left; each job's ``done`` must be called once the shadow is done with it."""
        try:
            # What was taken before is in it, or done.
            self._path.replace(self._taken)
            taken_before = False
        except FileNotFoundError:
            taken_before = True
        except OSError as error:
            _LOG.error("requests of an earlier run can't be mirrored, %s: %s", self._path, error)
            return []
        rows = self._read()
        if taken_before:
            rows = [row._replace(perhaps_repeated=True) for row in rows]
        jobs = load_jobs(rows, self._one_done)
        self._open = len(jobs)
        if jobs:
            _LOG.info("%d requests of an earlier run are to be mirrored", len(jobs))
        else:
            self._forget()
        return jobs

    def keep(self, jobs: list[Job]) -> None:
        """Write what is left for the next agent; what was taken is in it or done."""
        kept = _that_fit(jobs, self._max_bytes)
        if len(kept) < len(jobs):
            _LOG.error(
                "%d requests are not mirrored: all would be over %d bytes",
                len(jobs) - len(kept),
                self._max_bytes,
            )
        if kept:
            try:
                write_atomically(self._path, dump_rows(rows_of(kept)), _MODE)
            except OSError as error:
                _LOG.error("%d requests are not mirrored and can't be kept: %s", len(kept), error)
                return
            _LOG.warning(
                "%d requests are not mirrored yet, kept for the next start: %s", len(kept), self._path
            )
        self._forget()

    def _read(self) -> list[Row]:
        try:
            with self._taken.open("rb") as file:
                rows, damaged = load_rows(file)
        except FileNotFoundError:
            return []
        except OSError as error:
            _LOG.error("requests of an earlier run can't be mirrored, %s: %s", self._taken, error)
            return []
        if damaged:
            _LOG.error("%d requests of an earlier run can't be mirrored, they can't be read", damaged)
        return rows

    def _one_done(self) -> None:
        self._open -= 1
        if not self._open:
            self._forget()

    def _forget(self) -> None:
        try:
            self._taken.unlink(missing_ok=True)
        except OSError as error:
            _LOG.error("requests of an earlier run may be mirrored again by the next one: %s", error)


def rows_of(jobs: Iterable[Job]) -> Iterator[Row]:
    """The jobs in their order, except those whose body can't be read."""
    for job in jobs:
        try:
            body = b"" if job.body is None else b"".join(job.body.framed())
        except OSError as error:
            _LOG.error("a large request is not mirrored, its copy can't be read: %s", error)
            continue
        if job.body is not None and len(body) != job.body.framed_bytes:
            # Sent so, it would take the next request for its rest.
            _LOG.error("a large request is not mirrored, its copy has become shorter")
            continue
        yield Row(
            job.position,
            job.earlier_completions,
            job.head,
            job.message + body,
            job.perhaps_repeated,
            job.footprint,
        )


def dump_rows(rows: Iterable[Row]) -> Iterator[bytes]:
    """One line of JSON for each request."""
    for row in rows:
        values = {
            "position": row.position,
            "earlierCompletions": row.earlier_completions,
            "head": row.head,
            "perhapsRepeated": row.perhaps_repeated,
            "footprint": dump_footprint(row.footprint),
            "message": base64.b64encode(row.message).decode("ascii"),
        }
        yield f"{json.dumps(values)}\n".encode()


def load_rows(lines: Iterable[bytes]) -> tuple[list[Row], int]:
    """The requests of `dump_rows`, and how many lines can't be read."""
    rows: list[Row] = []
    damaged = 0
    for line in lines:
        row = _row(line)
        if row is None or (rows and row.position < rows[-1].position):
            damaged += 1
        else:
            rows.append(row)
    return rows, damaged


def load_jobs(rows: list[Row], done: Callable[[], None] | None = None) -> list[Job]:
    """The jobs, each still after the same ones as before; those that the primary had answered are numbered anew, from 1 on."""
    # What had been finished before the stop is no longer to be waited for.
    answered = [row.position for row in rows if _was_answered(row)]
    jobs = []
    completion = 0
    for row in rows:
        completion += _was_answered(row)
        jobs.append(
            Job(
                row.message,
                row.head,
                bisect.bisect_right(answered, min(2 * row.earlier_completions, row.position - 1)),
                completion if _was_answered(row) else 0,
                row.footprint,
                done=done,
                perhaps_repeated=row.perhaps_repeated,
            )
        )
    return jobs


def _was_answered(row: Row) -> bool:
    """Whether the primary had answered it: then others may wait for it (`agent.mirror_connection.Job`)."""
    return row.position % 2 == 0


def _row(line: bytes) -> Row | None:
    """None: the line can't be read, or not all of it was written."""
    try:
        values = json.loads(line)
        row = Row(
            values["position"],
            values["earlierCompletions"],
            values["head"],
            base64.b64decode(values["message"], validate=True),
            values.get("perhapsRepeated", False),
            # Earlier versions kept none: then it waits for all before it.
            load_footprint(values.get("footprint")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    whole = isinstance(row.position, int) and isinstance(row.earlier_completions, int)
    return row if whole and line.endswith(b"\n") and b"\r\n\r\n" in row.message else None


def _that_fit(jobs: Iterable[Job], max_bytes: int) -> list[Job]:
    kept = []
    for job in jobs:
        max_bytes -= len(job.message) + (0 if job.body is None else job.body.framed_bytes)
        if max_bytes < 0:
            break
        kept.append(job)
    return kept
