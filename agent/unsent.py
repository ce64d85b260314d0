"""Requests that a stopping agent had not mirrored yet, kept in a file for the next one."""

import base64
import bisect
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.mirror_connection import Job

_LOG = logging.getLogger(__name__)


class UnsentFile:
    """The file, beside the capture log. What can't be read or written is said, and the agent goes on.

    Args:
        max_bytes: of requests that are kept, at most: the next agent has them in memory.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def take(self) -> list[Job]:
        """What the agent before this one left, and remove the file."""
        try:
            jobs = load_jobs(self._path.read_bytes())
            self._path.unlink()
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            _LOG.error("requests of an earlier run can't be mirrored, %s: %s", self._path, error)
            return []
        _LOG.info("%d requests of an earlier run are to be mirrored", len(jobs))
        return jobs

    def keep(self, jobs: list[Job]) -> None:
        """Write what is left for the next agent."""
        if not jobs:
            return
        kept = _that_fit(jobs, self._max_bytes)
        if len(kept) < len(jobs):
            _LOG.error(
                "%d requests are not mirrored: all would be over %d bytes",
                len(jobs) - len(kept),
                self._max_bytes,
            )
        try:
            with self._path.open("wb") as file:
                file.writelines(dump_jobs(kept))
        except OSError as error:
            _LOG.error("%d requests are not mirrored and can't be kept: %s", len(kept), error)
        else:
            _LOG.warning(
                "%d requests are not mirrored yet, kept for the next start: %s", len(kept), self._path
            )


def dump_jobs(jobs: Iterable[Job]) -> Iterator[bytes]:
    """One line of JSON for each job, in their order; not of those whose body can't be read."""
    for job in jobs:
        try:
            body = b"" if job.body is None else b"".join(job.body.framed())
        except OSError as error:
            _LOG.error("a large request is not mirrored, its copy can't be read: %s", error)
            continue
        values = {
            "position": job.position,
            "earlierCompletions": job.earlier_completions,
            "head": job.head,
            "message": base64.b64encode(job.message + body).decode("ascii"),
        }
        yield f"{json.dumps(values)}\n".encode()


def _that_fit(jobs: Iterable[Job], max_bytes: int) -> list[Job]:
    kept = []
    for job in jobs:
        max_bytes -= len(job.message) + (0 if job.body is None else job.body.framed_bytes)
        if max_bytes < 0:
            break
        kept.append(job)
    return kept


def load_jobs(text: bytes) -> list[Job]:
    """The jobs of `dump_jobs`, numbered anew from 1 on, each still after the same ones as before.

    Raises:
        ValueError: the text is not what `dump_jobs` wrote.
    """
    rows = [json.loads(line) for line in text.splitlines()]
    try:
        positions = [row["position"] for row in rows]
        # What had been finished before the stop is no longer to be waited for.
        return [
            Job(
                base64.b64decode(row["message"]),
                row["head"],
                bisect.bisect_right(positions, 2 * row["earlierCompletions"]),
                number,
            )
            for number, row in enumerate(rows, start=1)
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of requests: {error}") from error
