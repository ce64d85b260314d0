"""The loads, all made by h2load (nghttp2-client) as HTTP/1.1 over keep-alive connections."""

import re
import subprocess
import time
from dataclasses import dataclass

from benchmarks.host_process import memory_folder
from benchmarks.latency import percentile, read_log, with_omitted
from capture.errors import UserError

LATENCY_RATE = 1000
"""Requests per second at which latency is measured."""

_LATENCY_PER_CONNECTION = 10
_MAXIMUM_CONNECTIONS = 32
_WARM_UP_S = 1


@dataclass(frozen=True)
class Load:
    """A load that ended."""

    requests: int
    rate: float
    """Requests per second, from the first to the last answer."""
    ended: float
    """When, by `time.monotonic`."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds of an open loop's requests."""

    p50_ms: float
    p99_ms: float


def latency(url: str, seconds: int, rate: int = LATENCY_RATE) -> tuple[Latency, Load]:
    """An open loop at ``rate`` req/s, a multiple of 10.

    Connections that are each due to send every 100 ms (100 of them at 1,000 req/s) begin one after the other, so that requests leave
    one by one.
    A connection that waits for an answer does not hold the others up; what it sends late itself is corrected
    (`benchmarks.latency.with_omitted`).
    """
    connections = rate // _LATENCY_PER_CONNECTION
    requests = (seconds + _WARM_UP_S) * rate
    with memory_folder() as folder:
        log = folder / "requests.tsv"
        pace = _paced(_LATENCY_PER_CONNECTION, 1000 // rate)
        load = _h2load(url, connections, requests, [*pace, f"--log-file={log}"])
        try:
            latencies = read_log(log.read_text(), _WARM_UP_S * 1_000_000)
        except ValueError as error:
            raise UserError(f"{url}: {error}", hint="is something else using that port?") from error
    complete = with_omitted(latencies, 1e6 / _LATENCY_PER_CONNECTION)
    return Latency(percentile(complete, 50) / 1000, percentile(complete, 99) / 1000), load


def paced(url: str, rate: float, seconds: float) -> Load:
    """``rate`` requests per second for ``seconds``, from 32 connections; slower when the server is."""
    per_connection = rate / _MAXIMUM_CONNECTIONS
    requests = max(1, round(per_connection * seconds)) * _MAXIMUM_CONNECTIONS
    return _h2load(url, _MAXIMUM_CONNECTIONS, requests, _paced(per_connection))


def closed_loop(url: str, requests: int) -> Load:
    """``requests`` requests from 32 connections, each of which sends the next as soon as it has its answer."""
    return _h2load(url, _MAXIMUM_CONNECTIONS, requests, [])


def _paced(per_connection: float, apart_ms: int = 1) -> list[str]:
    # -r: connections begin one by one. Together they would send in bursts.
    return ["-r", "1", f"--rate-period={apart_ms}ms", f"--rps={per_connection:.3f}"]


def _h2load(url: str, connections: int, requests: int, options: list[str]) -> Load:
    command = ["h2load", "--h1", "-t", "1", "-c", str(connections), "-n", str(requests), *options, url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            raise
    return parse_h2load(output, requests, time.monotonic())


def parse_h2load(output: str, requests: int, ended: float) -> Load:
    """What h2load printed.

    Raises:
        UserError: not every request was answered with 2xx.
    """
    rate = re.search(r"^finished in [^,]+, ([\d.]+) req/s", output, re.MULTILINE)
    succeeded = re.search(r"^status codes: (\d+) 2xx", output, re.MULTILINE)
    if rate is None or succeeded is None or int(succeeded[1]) != requests:
        raise UserError(
            f"h2load: not all of {requests} requests were answered with 200",
            hint="its output is above",
            detail=output.strip(),
        )
    return Load(requests, float(rate[1]), ended)
