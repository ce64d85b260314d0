"""The sink "cloudwatch": gives the CloudWatch Agent lines that it can send whole, and tells how far it has come.

What the agent has not sent stays where it is: in the two files that it follows, and beyond these in the capture log, whose bound is the
operator's. Nothing is copied twice.
"""

import base64
import contextlib
import json
import logging
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offload.credentials import CREDENTIALS
from offload.followed import Followed
from offload.line_scan import NotJsonError
from offload.log_reader import LogReader, LongLine, Place
from offload.settings import OffloadSettings
from offload.shortening import shorten
from offload.trouble import Trouble
from offload.whose import as_the_offload

_LOG = logging.getLogger(__name__)

AGENT = Path("/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent")
"""Amazon's program, where its package puts it."""

ERROR_FILE = "cloudwatch-agent-error.json"
"""What the agent said last that is an error; `offload.cloudwatch_agent` writes it into the runtime directory."""

_PAUSE_S = 0.2
_SETTLE_S = 1.0
# So much is written before it is written down where.
_BATCH_BYTES = 256 * 1024


class CloudWatch:
    """Reads the capture log, writes what the agent follows.

    Raises:
        OSError: the directory can't be used.
    """

    def __init__(
        self, settings: OffloadSettings, runtime: Path, agent: Path = AGENT, credentials: Path = CREDENTIALS
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._credentials = credentials
        self._error_file = runtime / ERROR_FILE
        self._trouble = Trouble("cloudwatch")
        self._folder = Path(settings.directory) / "cloudwatch"
        self._folder.mkdir(mode=0o770, exist_ok=True)
        (self._folder / "state").mkdir(mode=0o770, exist_ok=True)
        self._position = self._folder / "position.json"
        self._ledger = Path(settings.directory) / "cloudwatch.json"
        self._last = -1
        self._counts = {"sent_lines": 0, "sent_bytes": 0, "shortened_lines": 0, "unreadable_lines": 0}
        self._waiting = {"waiting_bytes": 0, "unread_files": 0, "unread_bytes": 0}
        self._lost_files = 0
        self._up_to_date = time.monotonic()
        self._told = 0.0
        self._renewed = 0.0
        self._settled = 0.0
        self._read_position()

    def _read_position(self) -> None:
        place, number, size = None, 0, 0
        try:
            read: dict[str, Any] = json.loads(self._position.read_text())
            found = read["place"]
            if found is not None:
                place = Place(
                    found["number"],
                    found["offset"],
                    base64.b64decode(found["head"]),
                    base64.b64decode(found["before"]),
                )
            number, size, self._lost_files = read["file"], read["size"], read["lost_files"]
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            _LOG.error(
                "cloudwatch: %s can't be read, the log is sent from its beginning: %s", self._position, error
            )
        if not number:
            numbers = (int(path.name.split(".")[1]) for path in self._folder.glob("*.*.log"))
            number = max(numbers, default=0) + 1
        settings = self._settings
        self._reader = LogReader(Path(settings.log_path), place, settings.cloudwatch_line_bytes)
        self._followed = Followed(self._folder, number, settings.cloudwatch_spool_bytes, self._count_taken)
        # Written before a crash, and not written down: not to be written again.
        self._already = self._followed.beginning_at(size)
        if not self._position.exists():
            self._write_position()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        try:
            while not stop.is_set():
                busy = self._agent.exists() and self._fill()
                self._look(everything=not busy)
                if not busy:
                    stop.wait(_PAUSE_S)
            if self._agent.exists():
                self._fill()
        finally:
            self._reader.close()

    def _fill(self) -> bool:
        """Write a batch; False: there was nothing to write, or no room."""
        # A line that a crash tore is finished in its file, however full that is.
        if not self._already and not self._followed.has_room():
            if not self._followed.next():
                return False
            # Before anything is in it: after a crash it is known what is.
            self._write_position()
        batch: list[bytes] = []
        size = 0
        moved = False
        while size < _BATCH_BYTES and (line := self._reader.next()) is not None:
            moved = True
            made = self._made(line)
            if made is not None:
                batch.append(made)
                size += len(made)
        if moved:
            self._followed.append(self._new_of(b"".join(batch)))
            self._write_position()
        return moved

    def _made(self, line: bytes | LongLine) -> bytes | None:
        if isinstance(line, bytes):
            return line + b"\n"
        try:
            made = shorten(line.parts, self._settings.cloudwatch_line_bytes)
        except NotJsonError as error:
            for _ in line.parts:
                pass
            self._counts["unreadable_lines"] += 1
            self._trouble.happened(f"a line of the capture log is left out: {error}")
            return None
        self._counts["shortened_lines"] += 1
        return made + b"\n"

    def _new_of(self, data: bytes) -> bytes:
        """``data`` without what was written before a crash."""
        already, self._already = self._already, b""
        if data.startswith(already):
            return data[len(already) :]
        if already.startswith(data):
            self._already = already[len(data) :]
            return b""
        _LOG.error("cloudwatch: lines may be sent twice: other settings than before a crash")
        return data if already.endswith(b"\n") else b"\n" + data

    def _write_position(self) -> None:
        place = self._reader.place()
        found = None
        if place is not None:
            found = asdict(place) | {
                "head": base64.b64encode(place.head).decode(),
                "before": base64.b64encode(place.before).decode(),
            }
        position = {
            "place": found,
            "file": self._followed.number,
            "size": self._followed.size() - len(self._already),
            "lost_files": self._lost_files + self._reader.lost_files,
        }
        _replace(self._position, position)
        # With another sink that has files removed: not before their lines are here (agent/rotated_files.py).
        last = place.number - 1 if place is not None else 0
        if last != self._last:
            _replace(self._ledger, {"last": last})
            self._last = last

    def _look(self, *, everything: bool) -> None:
        """How far the agent has come; and, not too often, what else there is to tell."""
        now = time.monotonic()
        if now - self._settled < _SETTLE_S:
            return
        self._settled = now
        waiting = self._followed.settle()
        files, size = self._reader.waiting() if everything else (1, self._waiting["unread_bytes"])
        self._waiting = {"waiting_bytes": waiting, "unread_files": files, "unread_bytes": size}
        if everything and waiting == size == 0:
            self._up_to_date = now
        if not self._agent.exists():
            self._trouble.happened(
                "this image carries no CloudWatch Agent (build_docker_images.py --cloudwatch-agent)"
            )
        self._look_at_agent()

    def _look_at_agent(self) -> None:
        with contextlib.suppress(OSError):
            with as_the_offload():
                renewed = self._credentials.stat().st_mtime
            if renewed > self._renewed:
                # What was said before is about others.
                self._renewed = renewed
                self._trouble.forget()
        try:
            told: dict[str, Any] = json.loads(self._error_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        # An agent that was started before they came still speaks of others, perhaps after it.
        if told["at"] > self._told and told["agent_since"] >= self._renewed:
            self._told = told["at"]
            self._trouble.happened(told["words"])

    def _count_taken(self, lines: int, size: int) -> None:
        self._counts["sent_lines"] += lines
        self._counts["sent_bytes"] += size
        self._told = time.time()
        self._trouble.over()

    def status(self) -> dict[str, object]:
        """For ``capture-status``."""
        return {
            "log_group": self._settings.cloudwatch_log_group,
            "log_stream": self._settings.cloudwatch_log_stream,
            **self._counts,
            **self._waiting,
            "behind_s": round(time.monotonic() - self._up_to_date, 1),
            "lost_files": self._lost_files + self._reader.lost_files,
            **self._trouble.as_dict(),
        }


def _replace(path: Path, value: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value) + "\n")
    new.replace(path)
