"""Percentiles of an open-loop load, free of coordinated omission."""

from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order.

    Raises:
        ValueError: there are no values.
    """
    if not ordered:
        raise ValueError("no values")
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def with_omitted(latencies: Sequence[float], interval: float) -> list[float]:
    """The latencies in ascending order, with those that a busy connection kept from being measured.

    A connection carries one request at a time and is due to send one every ``interval``. While one takes longer, those that
    were due meanwhile are sent late, and their waiting is not in the log. They are added as HdrHistogram's
    ``recordValueWithExpectedInterval`` does: latency - interval, latency - 2 * interval ... down to ``interval``.
    """
    complete = list(latencies)
    for latency in latencies:
        missing = latency - interval
        while missing >= interval:
            complete.append(missing)
            missing -= interval
    return sorted(complete)


def read_log(text: str, skip_us: int) -> list[int]:
    """Latencies in µs from h2load's ``--log-file`` (start in µs since the epoch, status, µs until the end of the response).

    Requests that started in the first ``skip_us`` are left out: connections are opened and programs warmed up then.

    Raises:
        ValueError: a request did not end with status 200.
    """
    rows = [tuple(map(int, line.split("\t"))) for line in text.splitlines()]
    for row in rows:
        if row[1] != 200:
            raise ValueError(f"a request ended with status {row[1]}")
    begin = min((row[0] for row in rows), default=0) + skip_us
    return [row[2] for row in rows if row[0] >= begin]
