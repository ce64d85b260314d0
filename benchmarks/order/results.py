"""What one load came to, and whether it is what is asked. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.order.figures import AtOnce, Lags, Seconds

LAG_OF_LONGEST = 1.5
LAG_BESIDE_S = 0.5
AT_ONCE_WITHIN = 0.1


@dataclass(frozen=True)
class Condition:
    """What is sent, how often, and how fast the shadow's node is."""

    mix: str
    rate: float
    """Reads a second; 0 where there are none."""
    factor: float
    """How many times as long as the primary's node the shadow's takes."""

    def __str__(self) -> str:
        rate = f" {self.rate:g}/s" if self.rate else ""
        return f"{self.mix}{rate}, shadow {self.factor:g} x"


@dataclass(frozen=True)
class Measured:
    """One load through one pair of proxies. The request that hangs is in none of these figures."""

    sent: int
    given: float
    """Requests a second that the shadow's node got during the load."""
    lags: Lags
    backlog: int
    """Requests that the primary had answered when the load ended, and the shadow had not."""
    done_after: Seconds
    """How long after the end of the load the shadow had answered them all."""
    primary: AtOnce
    shadow: AtOnce
    longest_s: float
    """The longest time that a request asked the primary's node to take."""
    left: int = 0
    """Requests that the shadow had not answered when we stopped waiting."""
    repeated: int = 0
    """Requests that the shadow's node got more than once."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Requests to which the client got no answer or a wrong one, by what was wrong."""
    losses: Mapping[str, int] = field(default_factory=dict)
    """By how much our proxies' counters of losses rose, as ``ROLE COUNTER``."""
    waits: Mapping[str, int] = field(default_factory=dict)
    """The highest that the primary's ``capture-status`` said during the load about what waits for the shadow, those that it has."""
    late_s: float = 0.0
    """By how much the latest request of the open loop was late."""
    cores: float = 0.0
    """That its proxies and nodes used during the load."""

    @property
    def lost_or_failed(self) -> int:
        """Requests that a client missed the answer to, and what the proxies counted as lost."""
        return sum(self.failures.values()) + sum(self.losses.values())


@dataclass(frozen=True)
class Row:
    """A load of ours or of the rival."""

    condition: Condition
    system: str
    measured: Measured
    idle_share: float
    """Of the machine, during the load."""

    @property
    def goals(self) -> "Goals":
        """What is asked of it."""
        return judge(self.measured, self.condition.factor)


@dataclass(frozen=True)
class Goals:
    """What is asked, and whether it is met."""

    lag_limit_s: float
    """The largest lag that is allowed."""
    at_once: float
    """What the mean at once on the shadow should be."""
    lag_met: bool
    at_once_met: bool
    nothing_lost: bool

    @property
    def met(self) -> bool:
        """Whether all is as it should be."""
        return self.lag_met and self.at_once_met and self.nothing_lost


def judge(measured: Measured, factor: float) -> Goals:
    """Hold a load against what is asked, with a shadow ``factor`` times as slow."""
    limit_s = LAG_OF_LONGEST * measured.longest_s * factor + LAG_BESIDE_S
    wanted = measured.primary.mean * factor
    largest = measured.lags.largest
    return Goals(
        limit_s,
        wanted,
        lag_met=not largest.at_least and largest.value <= limit_s,
        at_once_met=abs(measured.shadow.mean - wanted) <= AT_ONCE_WITHIN * wanted,
        nothing_lost=measured.lost_or_failed == 0,
    )
