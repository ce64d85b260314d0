import os

import pytest

from benchmarks.envoy import configuration
from benchmarks.load import parse_h2load
from benchmarks.processes import Accounting, parse_cpu_s, parse_peak_bytes, session_processes
from benchmarks.quiet import parse_busy_ticks, parse_stolen_ms
from capture.errors import UserError

_H2LOAD = """\
finished in 3.03s, 19784.77 req/s, 3.43MB/s
requests: 60000 total, 60000 started, 60000 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
status codes: {succeeded} 2xx, 0 3xx, 0 4xx, 0 5xx
"""


def test_reads_the_rate_from_h2load() -> None:
    load = parse_h2load(_H2LOAD.format(succeeded=60000), 60000, 7.0)
    assert (load.requests, load.rate, load.ended) == (60000, 19784.77, 7.0)


def test_a_load_with_failures_is_no_load() -> None:
    with pytest.raises(UserError) as raised:
        parse_h2load(_H2LOAD.format(succeeded=59999), 60000, 7.0)
    assert "59999 succeeded" in raised.value.detail


def test_cpu_time_is_user_and_system() -> None:
    stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 7 7 20 0 1 0 5 1 1 1"
    assert parse_cpu_s(stat, ticks=100) == 2.0


def test_peak_memory() -> None:
    assert parse_peak_bytes("Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n") == 2048 * 1024
    assert parse_peak_bytes("Name:\tzombie\n") == 0


def test_idle_is_not_busy() -> None:
    assert parse_busy_ticks("cpu  10 1 20 5000 300 2 3 4 0 0\ncpu0 1 1 1 1 1\n") == 10 + 1 + 20 + 2 + 3 + 4


def test_stolen_time_is_in_hundredths_of_a_second() -> None:
    assert parse_stolen_ms("cpu  10 1 20 5000 300 2 3 4 0 0\ncpu0 1 1 1 1 1\n") == 40


def test_accounts_for_this_very_process() -> None:
    assert os.getpid() in session_processes(os.getsid(0))
    usage = Accounting({"me": frozenset({os.getpid()}), "gone": frozenset({2**22 + 1})}).usage()
    assert usage["me"].peak_bytes > 1_000_000
    assert (usage["gone"].cpu_s, usage["gone"].peak_bytes) == (0, 0)


def test_envoy_mirrors_everything() -> None:
    resources = configuration(1, 2, 3)["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert route["cluster"] == "primary"
    (mirror,) = route["request_mirror_policies"]
    assert mirror["cluster"] == "shadow"
    assert mirror["runtime_fraction"]["default_value"] == {"numerator": 100, "denominator": "HUNDRED"}
    assert [cluster["name"] for cluster in resources["clusters"]] == ["primary", "shadow"]
