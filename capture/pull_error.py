"""Why an image could not be pulled, read from the engine's words: it reports most of it with one and the same status.

The words are those of Docker 20.10 to 28, with its own image store and with containerd's.
"""

from enum import StrEnum

from capture.errors import CaptureError


class PullFailure(StrEnum):
    """What went wrong, as a clause of a line of progress."""

    ABSENT = "the registry has none"
    REFUSED = "the registry does not give it"
    FAULTY = "the registry's answer can't be used"
    BROKEN_OFF = "the pull broke off"
    UNREACHABLE = "no registry answers"


class PullError(CaptureError):
    """An image could not be pulled; ``str()`` is the engine's own explanation."""

    def __init__(self, message: str, failure: PullFailure) -> None:
        super().__init__(message)
        self.failure = failure

    @property
    def why(self) -> str:
        """A clause that says what went wrong, with the registry's reason where one is worth reading."""
        if self.failure in (PullFailure.ABSENT, PullFailure.UNREACHABLE):
            return str(self.failure)
        return f"{self.failure} ({_first_line(str(self))})"


# The first that fits counts: who is refused may be told that there is no such image, or that he may have to log in.
_WORDS = (
    (
        PullFailure.REFUSED,
        ("denied", "unauthorized", "forbidden", "no basic auth credentials", "failed to authorize", "authorization failed",
         "toomanyrequests", "too many requests"),
    ),
    (PullFailure.ABSENT, ("manifest unknown", "name unknown", "no matching manifest", "no match for platform", "not found")),
    (PullFailure.FAULTY, ("unexpected http status", "unexpected status", "error parsing http", "error unmarshalling",
                          "manifest verification failed")),
)  # fmt: skip
# The registry, or the service that it sends clients to for a token, was not reached: whatever else is said.
_NO_CONNECTION = ("dial tcp", "no such host", "timeout exceeded", "i/o timeout", "tls handshake timeout")
_LONGEST = 160


def failure_of(explanation: str, *, begun: bool) -> PullFailure:
    """What ``explanation``, the engine's, says went wrong. ``begun``: the registry had begun to give the image."""
    words = explanation.lower()
    if not any(each in words for each in _NO_CONNECTION):
        for failure, signs in _WORDS:
            if any(sign in words for sign in signs):
                return failure
    return PullFailure.BROKEN_OFF if begun else PullFailure.UNREACHABLE


def _first_line(text: str) -> str:
    line = (text.splitlines() or [""])[0]
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
