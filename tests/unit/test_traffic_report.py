"""What is said of a load in the end, and while it runs."""

import asyncio
import dataclasses
import io
import itertools
import json
from typing import Any

import pytest

from tests.unit.virtual_time import run_virtually
from traffic.player import Player
from traffic.progress import Progress, progress_line
from traffic.record import Record, Window
from traffic.report import report, shortened, warnings
from traffic.results import Results, results_of
from traffic.settings import TrafficSettings, read_mix

SETTINGS = TrafficSettings(rate=10, duration_s=10, mix=read_mix("search=1,get=1,bulk=0.1"), timeout_s=5)


TABLE = """\
                                    latency in ms, from when due              service time in ms
operation   requests   errors       p50     p90     p99   p99.9     max       p50     p90     p99   p99.9     max
search            50        0      2.00    2.00    2.00    2.00    2.00      2.00    2.00    2.00    2.00    2.00
get               50        0      2.00    2.00    2.00    2.00    2.00      2.00    2.00    2.00    2.00    2.00
all              100        0      2.00    2.00    2.00    2.00    2.00      2.00    2.00    2.00    2.00    2.00

rate: 10.0/s asked, 10.0/s reached; 100 of 100 requests sent, 100 ended, in 9.9 s"""


def record_of(requests: int, takes_s: float = 0.002, late_s: float = 0.0, every_s: float = 0.1) -> Record:
    record = Record()
    for number, name in zip(range(requests), itertools.cycle(["get", "search"])):
        due_s = number * every_s
        record.sent(due_s, due_s + late_s)
        record.ended(name, due_s, due_s + late_s, due_s + late_s + takes_s)
    return record


def results(record: Record, cpu_s: float = 1.0, **values: Any) -> Results:
    return results_of(SETTINGS, record, cpu_s=cpu_s, **values)


def test_a_load_that_went_well() -> None:
    found = results(record_of(100))
    assert (found.sent, found.unsent, found.late, found.kept, found.failed) == (100, 0, 0, True, False)
    assert found.rate_reached == 10
    assert "\n".join(report(found)) == TABLE
    assert list(warnings(found)) == []


def test_requests_that_were_sent_late() -> None:
    found = results(record_of(100, late_s=0.25))
    assert found.late == 100
    assert found.all.latency_ms.max == pytest.approx(252)
    assert found.all.service_ms.max == pytest.approx(2)
    assert (
        "100 requests (100.0%) were sent more than 10 ms after they were due, the latest by 250 ms; "
        "latency has it, service time has not"
    ) in report(found)
    # Late, but the rate was kept.
    assert found.kept


def test_a_target_that_is_too_slow() -> None:
    found = results(record_of(100, every_s=0.2))
    assert found.rate_reached == pytest.approx(100 / 19.8)
    (warning,) = warnings(found)
    assert warning.startswith(
        "the rate was not kept: 5.1/s of 10.0/s; all 64 connections waited for the target"
    )
    assert not found.failed


def test_this_program_is_too_slow() -> None:
    assert list(warnings(results(record_of(100, every_s=0.2), cpu_s=19))) == [
        "the rate was not kept: 5.1/s of 10.0/s; this program needs 96% of a core: a lower --rate, or several of it at once"
    ]


def test_this_machine_is_too_slow() -> None:
    record = record_of(100, every_s=0.2)
    for lag_us in [*[100] * 80, *[20_000] * 20]:
        record.lag.record(lag_us)
    assert [line.partition(";")[0].partition(":")[0] for line in warnings(results(record))] == [
        "this machine is too busy",
        "the rate was not kept",
    ]
    assert "this machine is saturated" in list(warnings(results(record)))[1]


def test_requests_that_were_never_sent() -> None:
    found = results(record_of(60, every_s=0.25))
    assert (found.unsent, found.failed, found.kept) == (40, True, False)
    assert (
        next(warnings(found))
        == "40 of 100 requests were not sent: 5 s after the end they still had no connection"
    )


def test_an_interruption_is_no_failure() -> None:
    found = results(record_of(60), signal=2)
    assert (found.unsent, found.failed, found.kept) == (0, False, True)
    assert found.rate_reached == pytest.approx(60 / 5.9)
    assert list(report(found))[-1].endswith("60 ended, in 5.9 s (interrupted)")


@pytest.mark.parametrize(
    ("requests", "every_s", "arrivals", "kept"),
    [
        (30, 0.1, "constant", True),
        (30, 0.11, "constant", False),
        (30, 0.2, "constant", False),
        # By chance there may be so few, but not so few.
        (30, 0.11, "poisson", True),
        (30, 0.2, "poisson", False),
        (0, 0.1, "constant", True),
    ],
)
def test_an_interrupted_load_kept_its_rate_when_it_did_until_then(
    requests: int, every_s: float, arrivals: str, kept: bool
) -> None:
    settings = dataclasses.replace(SETTINGS, arrivals=arrivals)
    found = results_of(settings, record_of(requests, every_s=every_s), cpu_s=1, signal=2)
    assert found.kept is kept
    assert any("the rate was not kept" in line for line in warnings(found)) is not kept


def test_nothing_was_answered() -> None:
    record = Record()
    record.sent(0, 0)
    record.ended("get", 0, 0, 0.001, error="not connected", words="GET /: Connection refused", timed=False)
    lines = list(report(results(record)))
    assert lines[2].split() == ["get", "1", "1", *["-"] * 10]
    assert lines[-3:] == [
        "errors: 1 of 1 requests",
        "  1 x not connected (get 1), the first:",
        "    GET /: Connection refused",
    ]
    assert list(report(results_of(SETTINGS, Record(), cpu_s=0)))[-1].startswith("rate: 10.0/s asked, 0.0/s")


def test_errors_by_kind() -> None:
    record = record_of(94)
    for number in range(6):
        name, error = ("bulk", "documents refused in a bulk") if number else ("get", "status 503")
        record.sent(9.4 + number / 10, 9.4 + number / 10)
        record.ended(
            name, 9.4 + number / 10, 9.4 + number / 10, 9.9, error=error, words=f"{number} {'x' * 300}"
        )
    found = results(record)
    assert found.failed
    lines = list(report(found))
    assert lines[-5:-1:2] == ["errors: 6 of 100 requests", "    1 " + "x" * 152 + " [...]"]
    assert lines[-4] == "  5 x documents refused in a bulk (bulk 5), the first:"
    assert list(report(found, verbose=True))[-1] == f"    0 {'x' * 300}"


def test_the_results_for_programs() -> None:
    values = json.loads(json.dumps(results(record_of(100, late_s=0.25)).as_json()))
    assert values["rate"] == {"asked": 10, "reached": 9.85, "kept": True}
    assert values["requests"] == {
        "due": 100,
        "sent": 100,
        "answered": 100,
        "failed": 0,
        "unsent": 0,
        "late": 100,
    }
    assert values["operations"]["get"]["latency_ms"]["p99"] == pytest.approx(252, rel=0.001)
    assert values["all"]["service_ms"]["count"] == 100
    assert list(values["operations"]) == ["search", "get"]
    assert values["interrupted"] is False


@pytest.mark.parametrize(
    ("text", "short"), [("a\n  b", "a b"), ("x" * 20, "x" * 20), ("x" * 21, "x" * 14 + " [...]")]
)
def test_shortened(text: str, short: str) -> None:
    assert shortened(text, 20) == short


def test_a_line_of_progress() -> None:
    window = record_of(50).take_window()
    assert progress_line(SETTINGS, 5, 5, window, 1050, 7) == (
        "5 s of 10: 1,050 requests, 10/s of 10/s, p50 2.0 ms, p99 2.0 ms, errors: 7"
    )
    assert (
        progress_line(SETTINGS, 5, 5, Window(), 0, 0)
        == "5 s of 10: 0 requests, 0/s of 10/s, no answer, errors: 0"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown_on(stream: io.StringIO, seconds: float) -> str:
    async def show() -> None:
        record = record_of(30)
        player = Player(iter(()), None, record, connections=0, give_up_s=0)  # type: ignore[arg-type]
        task = asyncio.create_task(Progress(SETTINGS, record, player, stream).show())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    run_virtually(show())
    return stream.getvalue()


def test_elsewhere_there_is_a_plain_line_every_five_seconds() -> None:
    lines = shown_on(io.StringIO(), 11).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["5 s of 10", "10 s of 10"]


def test_on_a_terminal_one_line_rewrites_itself_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = shown_on(Terminal(), 1.7)
    assert shown.endswith("\n")
    assert "\x1b" not in shown
    first, *lines = shown.removesuffix("\n").split("\r")
    assert first == ""
    assert len(lines) == 3
    assert all(len(line) < 60 for line in lines)
    # A shorter line covers the longer one before it.
    assert len(lines[1]) >= len(lines[0].rstrip())
