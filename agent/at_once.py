"""How many requests the shadow has at once. No I/O.

The shadow is to have as many at once as the primary's load makes it have: those that the primary had, times its own slowness. Three things would make it more than
that: the agent reads many of HAProxy's lines at a time, after an outage thousands of requests may start, and a shadow at its limit answers no sooner for having more.
So the bound is some times what the primary had at once. Beyond that it rises slowly, and only while the shadow answers more for it.
"""

from typing import Final

_LEAST: Final = 64

# A shadow that takes up to three times as long as the primary has all of its load at once; the fourth time is for what varies within a second.
_TIMES_THE_PRIMARY: Final = 4
_WINDOW_S: Final = 60

# Once a request has waited so long for the bound, the shadow is behind: it was away, or is slower than that. Now the bound is twice what the primary had,
# and it rises by a twentieth in each second in which the shadow answers and the backlog does not shrink: then the bound may be what holds it up.
_BEHIND_S: Final = 1.0
_CATCHING_UP: Final = 2

# A rise is judged when the bound has doubled and the shadow has since answered as many as that. If it answers 1.4 times as many a second,
# the bound was what held it up. If not, the bound goes back, and rests for some seconds, then for twice as many, ...
_ENOUGH_TO_TELL: Final = 2
_WORTH_IT: Final = 1.4
_REST_S: Final = 10.0
_LONGEST_REST_S: Final = 300.0


class PrimaryLoad:
    """How many requests the primary had at once: the mean of each second of the last minute, of those that it has answered."""

    def __init__(self) -> None:
        self.most: float = 0.0
        """In the second in which it had most."""
        self._second = 0
        self._seconds = [0.0] * _WINDOW_S
        """How long requests were under way in a second, all together; by second, modulo their number."""

    def answered(self, now: float, took_s: float) -> None:
        """The primary has just answered a request, and took so long."""
        second = int(now)
        if second != self._second:
            self._advance(second)
        since = now - took_s
        seconds = self._seconds
        while True:
            # What of it was in this second.
            part = now - max(since, float(second))
            index = second % _WINDOW_S
            seconds[index] += part
            self.most = max(self.most, seconds[index])
            now = float(second)
            second -= 1
            if now <= since or self._second - second >= _WINDOW_S:
                return

    def tick(self, now: float) -> None:
        """To be called about once a second: what is longer ago is forgotten."""
        if int(now) != self._second:
            self._advance(int(now))

    def _advance(self, second: int) -> None:
        for new in range(max(self._second + 1, second - _WINDOW_S + 1), second + 1):
            self._seconds[new % _WINDOW_S] = 0.0
        self._second = second
        self.most = max(self._seconds)


class AtOnce:
    """The bound of requests under way.

    Args:
        most: it is never more than that.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = min(_LEAST, most)
        """So many may be under way now."""
        self.behind = False
        """The shadow has to catch up."""
        self._primary = PrimaryLoad()
        self._trial: _Trial | None = None
        self._rest_s = _REST_S
        self._resting_until = 0.0
        self._waiting = 0
        self._answered = 0

    @property
    def holds_back(self) -> bool:
        """Whether requests wait for the bound for long."""
        return self.behind or self.limit >= self._most

    def primary_answered(self, now: float, took_s: float) -> None:
        """The primary has just answered a request, and took so long."""
        self._primary.answered(now, took_s)
        if not self.behind and self._primary.most * _TIMES_THE_PRIMARY > self.limit:
            self.limit = self._times(_TIMES_THE_PRIMARY)

    def fall_behind(self) -> None:
        """Requests wait that should have started long ago."""
        self.behind = True
        self.limit = self._times(_CATCHING_UP)
        self._trial = None

    def tick(self, now: float, waited_s: float | None, waiting: int, under_way: int, answered: int) -> None:
        """To be called about once a second.

        Args:
            now: seconds of any steady clock.
            waited_s: how long the first request has waited that may start; None: there is none.
            waiting: requests that are not done.
            under_way: of these, those that the shadow has.
            answered: requests that the shadow has answered until now.
        """
        self._primary.tick(now)
        if waited_s is None:
            self.behind = False
        elif waited_s > _BEHIND_S and not self.behind:
            self.fall_behind()
        if not self.behind:
            self.limit = self._times(_TIMES_THE_PRIMARY)
        else:
            self.limit = max(self.limit, self._times(_CATCHING_UP))
            if under_way >= self.limit and answered > self._answered and waiting >= self._waiting:
                self._rise(now, answered)
            elif self._trial is not None and self._trial.answers_per_s is None:
                # It gets nearer as it is, or answers nothing: no moment to measure.
                self._trial = None
        self._waiting, self._answered = waiting, answered

    def _rise(self, now: float, answered: int) -> None:
        """Let more be under way, and go on with it if the shadow answers more."""
        if now < self._resting_until:
            return
        trial = self._trial
        if trial is None:
            if self.limit < self._most:
                self._trial = _Trial(self.limit, now, answered)
            return
        enough = min(_ENOUGH_TO_TELL * trial.limit, self._most)
        if trial.answers_per_s is None:
            trial.answers_per_s = trial.rate(now, answered)
        elif self.limit >= enough and trial.answers(answered) >= enough:
            self._judge(trial, trial.answers_per_s, now, answered)
            return
        if self.limit < enough:
            trial.count_from(now, answered)
        # Where answers take long there is nothing to judge for a while: the bound rises on.
        self.limit = min(self.limit + self.limit // 20 + 1, self._most)

    def _judge(self, trial: "_Trial", before: float, now: float, answered: int) -> None:
        rate = trial.rate(now, answered)
        if rate >= _WORTH_IT * before:
            self._rest_s = _REST_S
            self._trial = _Trial(self.limit, now, answered, rate) if self.limit < self._most else None
            return
        # By so much it answers more or less, so this many are enough.
        self.limit = min(max(round(trial.limit * rate / before), self._times(_CATCHING_UP)), self.limit)
        self._trial = None
        self._resting_until = now + self._rest_s
        self._rest_s = min(2 * self._rest_s, _LONGEST_REST_S)

    def _times(self, factor: int) -> int:
        return min(max(round(factor * self._primary.most), _LEAST), self._most)


class _Trial:
    """A rise of the bound from ``limit``, and what the shadow answers meanwhile.

    Args:
        answers_per_s: what it answered before the rise; None: not known yet.
    """

    def __init__(self, limit: int, now: float, answered: int, answers_per_s: float | None = None) -> None:
        self.limit = limit
        self.answers_per_s = answers_per_s
        self.count_from(now, answered)

    def count_from(self, now: float, answered: int) -> None:
        self._since = now
        self._answered = answered

    def answers(self, answered: int) -> int:
        return answered - self._answered

    def rate(self, now: float, answered: int) -> float:
        """Answers a second since the count began."""
        return self.answers(answered) / max(now - self._since, 1e-3)
