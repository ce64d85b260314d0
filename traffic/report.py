"""The results, in words for people."""

import sys
from collections.abc import Iterator

from traffic.results import LATE_US, OperationResult, Results, Times

# Of an error's words, so many characters.
_WORDS = 160
# Timers that are later than that make figures that are this machine's and not the target's.
_LAG_MS = 5
# So much of one core, and it was this program that could do no more.
_BUSY = 0.9


def report(results: Results, *, verbose: bool = False) -> Iterator[str]:
    """The lines of the table, and what has to be said about it; with ``verbose`` all words of the errors."""
    yield from _table(results)
    yield ""
    yield _rate(results)
    if results.late:
        share = results.late / results.sent
        yield (
            f"{results.late:,} requests ({share:.1%}) were sent more than {LATE_US // 1000} ms after they were due, "
            f"the latest by {_ms(results.latest_ms)} ms; latency has it, service time has not"
        )
    yield from _errors(results, _WORDS if not verbose else sys.maxsize)


def warnings(results: Results) -> Iterator[str]:
    """What is other than it was asked for."""
    if results.left:
        yield f"index '{results.settings.index}' is still there: {results.left}"
    if results.unsent:
        yield (
            f"{results.unsent:,} of {results.settings.due:,} requests were not sent: "
            f"{results.settings.timeout_s:g} s after the end they still had no connection"
        )
    if results.lag_ms > _LAG_MS and results.cpu < _BUSY:
        yield (
            f"this machine is too busy: timers were {results.lag_ms:.0f} ms late and more for a tenth of the time, "
            "and the figures have that in them"
        )
    if not results.kept:
        yield (
            f"the rate was not kept: {results.rate_reached:,.1f}/s of {results.settings.rate:,.1f}/s; {_why(results)}"
        )


def _why(results: Results) -> str:
    if results.cpu >= _BUSY:
        return f"this program needs {results.cpu:.0%} of a core: a lower --rate, or several of it at once"
    if results.lag_ms > _LAG_MS:
        return "this machine is saturated"
    return (
        f"all {results.settings.connections} connections waited for the target: it is saturated, or "
        "more --connections are needed"
    )


def _table(results: Results) -> Iterator[str]:
    first = max(map(len, [*results.operations, "operation"]))
    latency = "     latency in ms, from when due"
    yield f"{'':{first}}  {'':>9}  {'':>7}  {latency:<40}       service time in ms"
    names = "".join(f"{name:>8}" for name in ("p50", "p90", "p99", "p99.9", "max"))
    yield f"{'operation':{first}}  {'requests':>9}  {'errors':>7}  {names:<40}  {names}"
    rows = list(results.operations.items())
    if len(rows) != 1:
        rows.append(("all", results.all))
    for name, result in rows:
        yield _row(f"{name:{first}}", result)


def _row(name: str, result: OperationResult) -> str:
    return (
        f"{name}  {result.requests:>9,}  {result.failed:>7,}  {_cells(result.latency_ms):<40}  "
        f"{_cells(result.service_ms)}"
    )


def _cells(times: Times) -> str:
    if not times.count:
        return "".join(f"{'-':>8}" for _ in (*times.percentiles, times.max))
    return "".join(f"{_ms(value):>8}" for value in (*times.percentiles.values(), times.max))


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _rate(results: Results) -> str:
    settings = results.settings
    line = (
        f"rate: {settings.rate:,.1f}/s asked, {results.rate_reached:,.1f}/s reached; "
        f"{results.sent:,} of {settings.due:,} requests sent, {results.all.requests:,} ended, in {results.seconds:.1f} s"
    )
    if results.signal:
        line += " (interrupted)"
    return line


def _errors(results: Results, length: int) -> Iterator[str]:
    if results.all.failed:
        yield f"errors: {results.all.failed:,} of {results.all.requests:,} requests"
    for kind, count in results.all.errors.items():
        shares = ((name, result.errors.get(kind, 0)) for name, result in results.operations.items())
        where = ", ".join(f"{name} {share:,}" for name, share in shares if share)
        yield f"  {count:,} x {kind} ({where}), the first:"
        yield f"    {shortened(results.all.examples[kind], length)}"


def shortened(text: str, length: int) -> str:
    """``text`` as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 6]} [...]"
