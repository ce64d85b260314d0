"""Requests that a stopping agent had not mirrored yet, kept in a file for the next one."""

import base64
import bisect
import json
import logging
from collections.abc import Iterable
from pathlib import Path

from agent.mirror_connection import Job

_LOG = logging.getLogger(__name__)


class UnsentFile:
    """The file, beside the capture log. What can't be read or written is said, and the agent goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path

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
        try:
            self._path.write_bytes(dump_jobs(jobs))
        except OSError as error:
            _LOG.error("%d requests are not mirrored and can't be kept: %s", len(jobs), error)
        else:
            _LOG.warning(
                "%d requests are not mirrored yet, kept for the next start: %s", len(jobs), self._path
            )


def dump_jobs(jobs: Iterable[Job]) -> bytes:
    """One line of JSON for each job, in their order."""
    lines = [
        json.dumps(
            {
                "position": job.position,
                "earlierCompletions": job.earlier_completions,
                "head": job.head,
                "message": base64.b64encode(job.message).decode("ascii"),
            }
        )
        for job in jobs
    ]
    return "".join(f"{line}\n" for line in lines).encode()


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
