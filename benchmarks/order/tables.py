"""The results as text."""

from collections.abc import Sequence

from benchmarks.order.results import AT_ONCE_WITHIN, LAG_BESIDE_S, LAG_OF_LONGEST, Condition, Row
from benchmarks.table import render

BUSY_IDLE_SHARE = 0.25
"""With less of the machine idle, a lag may be the machine's."""

_HEADING = (
    "load", "given /s", "lag p50 s", "p99", "largest", "at most", "backlog", "done after s", "primary at once", "shadow", "of wanted", "lost",
    "idle", "goals",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """A row for each load; those of the same load beside each other. At once: the mean, and in brackets the most."""
    return render([_HEADING, *map(_cells, rows)])


def waits(rows: Sequence[Row]) -> list[str]:
    """What the primary said that requests wait for, where it said something: a line each."""
    return [
        f"{_title(row)}: "
        + ", ".join(f"{name} {most:,}" for name, most in row.measured.waits.items())
        + (f", {row.measured.left:,} not done" if row.measured.left else "")
        for row in rows
        if row.measured.waits
    ]


def verdicts(rows: Sequence[Row], system: str) -> list[str]:
    """What is asked of ``system``: yes or NO, and each load that has a NO."""
    asked = [row for row in rows if row.system == system]
    failed = [row for row in asked if not row.goals.met]
    asked_of_each = (
        f"largest lag at most {LAG_OF_LONGEST:g} x the shadow's longest answer + {LAG_BESIDE_S:g} s, mean at once within "
        f"{AT_ONCE_WITHIN:.0%} of the primary's x the shadow's factor, nothing lost"
    )
    answer = f"{'NO' if failed else 'yes'}, {len(asked) - len(failed)} of {len(asked)} loads"
    lines = [f"{system}: {asked_of_each}: {answer}"]
    for row in failed:
        goals, measured = row.goals, row.measured
        reasons = []
        if not goals.lag_met:
            reasons.append(f"largest lag {measured.lags.largest} s (at most {goals.lag_limit_s:.2f})")
        if not goals.at_once_met:
            reasons.append(f"at once on the shadow {measured.shadow.mean:.1f} (wanted {goals.at_once:.1f})")
        if not goals.nothing_lost:
            reasons.append(f"lost or failed: {_lost(row)}")
        busy = " (the machine was busy)" if row.idle_share < BUSY_IDLE_SHARE else ""
        lines.append(f"  {row.condition}: {'; '.join(reasons)}{busy}")
    return lines


def warnings(rows: Sequence[Row]) -> list[str]:
    """What makes figures doubtful; a line each."""
    busy = sorted({str(row.condition) for row in rows if row.idle_share < BUSY_IDLE_SHARE})
    late = max((row.measured.late_s for row in rows), default=0)
    lines = []
    if busy:
        lines.append(
            f"warning: less than {BUSY_IDLE_SHARE:.0%} of the machine was idle (try --at-once 1): {'; '.join(busy)}"
        )
    if late > LAG_BESIDE_S / 2:
        lines.append(f"warning: a request was sent {late:.2f} s late")
    return lines


def short(row: Row) -> str:
    """A line for the progress."""
    measured = row.measured
    return (
        f"{_title(row):34} largest lag {measured.lags.largest} s, backlog {measured.backlog:,}, at once {measured.primary.mean:.1f} and "
        f"{measured.shadow.mean:.1f} (wanted {row.goals.at_once:.1f}), {measured.cores:.2f} cores"
    )


def in_order(rows: Sequence[Row], conditions: Sequence[Condition]) -> list[Row]:
    """The rows in the order of their conditions, as they were given."""
    return sorted(rows, key=lambda row: conditions.index(row.condition))


def _cells(row: Row) -> tuple[str, ...]:
    measured, goals = row.measured, row.goals
    met = [name for name, held in (("lag", goals.lag_met), ("at once", goals.at_once_met)) if not held]
    if not goals.nothing_lost:
        met.append("lost")
    return (
        _title(row),
        f"{measured.given:.0f}",
        str(measured.lags.p50),
        str(measured.lags.p99),
        str(measured.lags.largest),
        f"{goals.lag_limit_s:.2f}",
        f"{measured.backlog:,}",
        str(measured.done_after),
        f"{measured.primary.mean:.1f} ({measured.primary.most})",
        f"{measured.shadow.mean:.1f} ({measured.shadow.most})",
        f"{measured.shadow.mean / goals.at_once:.2f}" if goals.at_once else "-",
        str(measured.lost_or_failed),
        f"{row.idle_share:.0%}",
        f"NO: {', '.join(met)}" if met else "met",
    )


def _title(row: Row) -> str:
    return f"{row.condition}: {row.system}"


def _lost(row: Row) -> str:
    found = {**row.measured.failures, **row.measured.losses}
    return ", ".join(f"{name} {count:,}" for name, count in found.items())
