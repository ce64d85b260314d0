"""What became of a load: whether the shadow's node has received every request, and whether the capture has them all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.bodies.sink import Sink
from benchmarks.losses import losses, not_mirrored
from benchmarks.subject import Subject

_POLL_S = 0.01
# A look at the counters takes some 0.1 s of a core.
_ASK_S = 0.5
_STILL_S = 15.0
_LIMIT_S = 180.0


@dataclass(frozen=True)
class Arrived:
    """After a load."""

    mirrored_s: float | None
    """How long after the end of the load the shadow's node had answered every request; None: it never had. 0 without a mirror."""
    captured_s: float | None
    """How long after the end every capture log had them all, to half a second; None: one never had. 0 without a capture."""
    losses: Mapping[str, int] = field(default_factory=dict)
    """By how much the counters of what was lost rose, those that did, as ``ROLE COUNTER``."""

    @property
    def complete(self) -> bool:
        """Whether everything arrived, and nothing was counted as lost."""
        return self.mirrored_s is not None and self.captured_s is not None and not self.losses

    def __str__(self) -> str:
        def when(seconds: float | None) -> str:
            return "never" if seconds is None else f"after {seconds:.1f} s"

        lost = ", ".join(f"{name} {count:,}" for name, count in self.losses.items()) or "nothing"
        return f"all mirrored {when(self.mirrored_s)}, all captured {when(self.captured_s)}, lost: {lost}"


class Arrival:
    """Made before a load, when nothing is under way; `wait` after it says what became of it."""

    def __init__(self, subject: Subject, shadow: Sink) -> None:
        self._subject = subject
        self._shadow = shadow
        self._answered = shadow.answered
        self._counters = [proxy.counters() for proxy in subject.proxies]

    def wait(self, requests: int) -> Arrived:
        """Wait until all of the ``requests`` are on the shadow's node and in every capture log.

        No longer than 3 minutes, and no longer than 15 s without any progress, or without any when the counters explain what is missing.
        """
        ended = time.monotonic()
        mirrored = self._await_shadow(requests, ended) if self._subject.mirrors else 0.0
        captured = self._await_captures(requests, ended) if self._subject.proxies else 0.0
        return Arrived(mirrored, captured, self._losses())

    def _await_shadow(self, requests: int, ended: float) -> float | None:
        asked = last_progress = time.monotonic()
        seen = -1
        while (now := time.monotonic()) < ended + _LIMIT_S and now - last_progress < _STILL_S:
            if self._shadow.answered - self._answered >= requests:
                return now - ended
            if (received := self._shadow.received_bytes) != seen:
                seen, last_progress = received, now
            elif now - last_progress > 1 and now - asked > _ASK_S:
                asked = now
                if not_mirrored(self._losses()) >= requests - (self._shadow.answered - self._answered):
                    return None
            time.sleep(_POLL_S)
        return None

    def _await_captures(self, requests: int, ended: float) -> float | None:
        last_progress = time.monotonic()
        seen: list[int] = []
        while (now := time.monotonic()) < ended + _LIMIT_S and now - last_progress < _STILL_S:
            captured = [
                proxy.counters()["captured"] - before["captured"]
                for proxy, before in zip(self._subject.proxies, self._counters, strict=True)
            ]
            if all(
                count >= self._expected(requests, proxy.name)
                for count, proxy in zip(captured, self._subject.proxies, strict=True)
            ):
                return time.monotonic() - ended
            if captured != seen:
                seen, last_progress = captured, now
            time.sleep(_ASK_S)
        return None

    def _expected(self, requests: int, role: str) -> int:
        """What did not get to the shadow can't be captured there: it is told as what was not mirrored."""
        return requests if role == "primary" else min(requests, self._shadow.answered - self._answered)

    def _losses(self) -> dict[str, int]:
        return losses(self._subject.proxies, self._counters)
