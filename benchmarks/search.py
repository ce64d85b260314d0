"""The search for the highest rate that passes, as a series of decisions without any measuring in it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One run: the rate that was asked for, the rate that was achieved, and whether the run passed its rule."""

    asked: float
    achieved: float
    passed: bool

    @property
    def saturated(self) -> bool:
        """Whether the subject slowed its clients down, so that asking for more gives no more."""
        return self.achieved < 0.97 * self.asked


class RateSearch:
    """Bisection between the highest rate that passed and the lowest that did not, beginning at a guess.

    Args:
        guess: where to begin.
        ceiling: no rate above it can pass (what a closed loop reached).
        tolerance: the search ends when the bracket is as narrow as this fraction of its lower end.
        trials: the search ends after so many.
    """

    # One step away from the only known end of the bracket: the guess is usually near.
    _STEP = 1.15

    def __init__(self, guess: float, ceiling: float, tolerance: float = 0.03, trials: int = 6) -> None:
        self._guess = min(guess, ceiling)
        self._low = 0.0
        self._high = ceiling
        self._high_failed = False
        self._tolerance = tolerance
        self._left = trials
        self._ended = False
        self.best: Trial | None = None
        """The passed run with the highest achieved rate."""

    def next_rate(self) -> float | None:
        """The rate to try now, or None when the search is over."""
        if self._ended or self._left <= 0 or self._high <= self._low * (1 + self._tolerance):
            return None
        if self._low == 0 and not self._high_failed:
            return self._guess
        if self._low == 0:
            return self._high / self._STEP
        return min(self._low * self._STEP, (self._low + self._high) / 2)

    def record(self, trial: Trial) -> None:
        """What became of the rate that `next_rate` gave."""
        self._left -= 1
        if not trial.passed:
            self._high, self._high_failed = trial.asked, True
            return
        self._low = trial.asked
        self._ended = trial.saturated
        if self.best is None or trial.achieved > self.best.achieved:
            self.best = trial
