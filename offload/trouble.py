"""What goes wrong with a service again and again: told in the status at once, in the log rarely, never with a secret in it."""

import datetime
import logging
import re
import threading

from service.rarely import is_rare

_LOG = logging.getLogger(__name__)

_MOST_CHARACTERS = 400

# More than those with credentials among them, which are left out; what a service says may have any length.
_READ_CHARACTERS = 16_384

# A refused signature comes with the whole canonical request, session token included, from the second line on.
_KEY_ID = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b")
_SECRET_FIELD = re.compile(
    r"(?i)((?:x-amz-security-token|signature|secret[a-z_]{0,32}key|session_?token|credential)\s*[=:]\s*)[^\s,;&]+"
)


def harmless(words: str) -> str:
    """The first line of what a service said, without what could be a credential."""
    line = next(iter(words.strip()[:_READ_CHARACTERS].splitlines()), "")
    line = _SECRET_FIELD.sub(r"\1[redacted]", _KEY_ID.sub("[redacted]", line))
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 3] + "..."


class Trouble:
    """Of one sink. For several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._count = 0
        self._error: str | None = None
        self._since: str | None = None

    def happened(self, words: str) -> None:
        """Something failed, in these words; the same again and again is one trouble."""
        words = harmless(words)
        with self._lock:
            self._count += 1
            if self._error is None:
                self._since = now()
            rare = is_rare(self._count) or (self._error is not None and words != self._error)
            self._error = words
            count, since = self._count, self._since
        if rare:
            _LOG.warning("%s: %s (%d times since %s)", self._name, words, count, since)

    def over(self) -> None:
        """It works (again)."""
        count, since = self._reset()
        if count:
            _LOG.info("%s: works again, after %d failures since %s", self._name, count, since)

    def forget(self) -> None:
        """What it was about is no more; whether it works is to be seen."""
        self._reset()

    def _reset(self) -> tuple[int, str | None]:
        with self._lock:
            before = self._count, self._since
            self._count, self._error, self._since = 0, None, None
        return before

    def as_dict(self) -> dict[str, object]:
        """For the status."""
        with self._lock:
            return {"error": self._error, "error_since": self._since, "failures": self._count}


def now() -> str:
    """The time, as the status tells it: ISO 8601, UTC, seconds."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
