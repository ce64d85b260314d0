import os
import subprocess
import sys

import pytest

from benchmarks.bodies.arrival import Arrived
from benchmarks.bodies.idleness import run_ns, wait_idle, waits_for_nothing
from benchmarks.bodies.measure import (
    ANSWERS,
    CLIENTS,
    LARGE,
    SIZES,
    FirstBytes,
    Measured,
    Mix,
    Peak,
    Sequential,
    Sustained,
)
from benchmarks.bodies.memory import PeakMemory, parse_pss_bytes
from benchmarks.bodies.results import compare, incomplete, summarise
from benchmarks.bodies.tables import asked, latency_table, memory_table, mix_table, sustained_table
from benchmarks.losses import not_mirrored, risen_losses
from benchmarks.options import assignment
from benchmarks.ours import flatten
from benchmarks.processes import program_name
from capture.errors import UserError


def _measured(scale: float, *, ours: bool = False, arrived: Arrived | None = None) -> Measured:
    return Measured(
        sequential={size: Sequential(scale * size / 1e6, scale * size / 5e5) for size in SIZES},
        first_bytes=FirstBytes(scale, dict.fromkeys(ANSWERS, 2 * scale)),
        sustained={clients: Sustained(1000 / scale, 800 / scale) for clients in CLIENTS},
        memory={"primary": Peak({"primary tee": 100 * scale, "primary agent": 90 * scale}, 120 * scale)}
        if ours
        else {},
        mix=Mix(0.2 * scale, scale, 10 * scale, 0.001 * scale, 10 * scale),
        arrived={"mix": arrived or Arrived(0.0, 0.0)},
        not_idle=1,
    )


def test_summary_takes_medians_and_the_highest_memory() -> None:
    summary = summarise([_measured(scale, ours=True) for scale in (1, 3, 2)])
    assert summary.sequential[LARGE] == Sequential(24, 48)
    assert summary.first_bytes == FirstBytes(2, dict.fromkeys(ANSWERS, 4))
    assert summary.sustained[16] == Sustained(500, 400)
    assert summary.memory["primary"] == Peak({"primary tee": 300, "primary agent": 270}, 360)
    assert summary.mix == Mix(0.4, 2, 20, 0.002, 20)
    assert list(summary.arrived) == ["mix, round 1", "mix, round 2", "mix, round 3"]
    assert summary.not_idle == 3


def test_compares_with_what_is_asked() -> None:
    comparisons = compare(_measured(1.4, ours=True), _measured(1))
    assert [(one.name, round(one.ours, 3), one.holds) for one in comparisons] == [
        ("12 MB back to back, of HAProxy alone", 1.4, True),
        ("12 MB drained, of HAProxy alone", 1.4, True),
        ("p99 of small ones beside bulks, of HAProxy alone", 1.4, True),
        ("MB/s, 1 clients", 714.286, True),
        ("MB/s, 4 clients", 714.286, True),
        ("MB/s, 16 clients", 714.286, True),
        ("MB of primary tee and agent", 266, True),
    ]
    assert not any(one.holds for one in compare(_measured(2.2, ours=True), _measured(1)))


def test_without_haproxy_only_the_absolute_is_compared() -> None:
    assert len(compare(_measured(1, ours=True), None)) == 4


def test_every_asked_figure_says_yes_or_no() -> None:
    lines = asked("ours", compare(_measured(1.6, ours=True), _measured(1))).splitlines()
    assert lines[0] == "ours: 12 MB back to back, of HAProxy alone 1.60 (at most 1.5): NO"
    assert lines[3] == "ours: MB/s, 1 clients 625.00 (at least 500): yes"


def test_tables_show_figures_and_ratios() -> None:
    summaries = {"alone": _measured(1), "ours": _measured(1.5, ours=True)}
    latencies = latency_table(summaries, "alone").splitlines()
    assert latencies[0].split() == ["ms,", "medians", "alone", "ours"]
    assert [line.split("  ")[0] for line in latencies[2:]] == [
        *(
            f"{size}, {how}"
            for how in ("back to back", "drained")
            for size in ("1 KB", "100 KB", "1 MB", "12 MB", "99 MB")
        ),
        "12 MB: first byte at the node",
        "first byte of a 12 MB answer, _search",
        "first byte of a 12 MB answer, _mget",
    ]
    assert latencies[5].split()[-4:] == ["24.000", "(1.00)", "36.000", "(1.50)"]
    assert sustained_table(summaries, "alone").splitlines()[2].split()[-4:] == [
        "1,000",
        "(1.00)",
        "667",
        "(0.67)",
    ]
    assert mix_table(summaries, "alone").splitlines()[3].split() == [
        "p99",
        "1.00",
        "(1.00)",
        "1.50",
        "(1.50)",
    ]


def test_without_haproxy_there_are_no_ratios() -> None:
    assert "(" not in mix_table({"ours": _measured(1)}, "alone")


def test_memory_table_has_only_what_there_is() -> None:
    assert memory_table({"alone": _measured(1)}) == ""
    rows = memory_table({"ours": _measured(1, ours=True)}).splitlines()[2:]
    assert [tuple(cell.strip() for cell in row.rsplit(maxsplit=1)) for row in rows] == [
        ("ours: primary tee", "100"),
        ("ours: primary agent", "90"),
        ("ours: primary, together, shared memory counted once", "120"),
    ]


@pytest.mark.parametrize(
    ("arrived", "complete"),
    [
        (Arrived(0.5, 1.5), True),
        (Arrived(None, 1.5), False),
        (Arrived(0.5, None), False),
        (Arrived(0.5, 1.5, {"primary mirror_dropped": 1}), False),
    ],
)
def test_what_is_missing_or_lost_is_said(arrived: Arrived, complete: bool) -> None:
    assert arrived.complete is complete
    assert len(incomplete({"ours": _measured(1, arrived=arrived)})) == (not complete)


def test_a_loss_is_told_with_its_counter() -> None:
    assert str(Arrived(None, 0.25, {"primary mirror_dropped": 1200})) == (
        "all mirrored never, all captured after 0.2 s, lost: primary mirror_dropped 1,200"
    )


def test_only_losses_that_rose_count() -> None:
    before = {"captured": 5, "mirror_failed": 1, "tee.copies_given_up": 0}
    now = {"captured": 9, "mirror_failed": 1, "tee.copies_given_up": 2, "not_mirrored_unseen": 3}
    assert risen_losses(before, now) == {"tee.copies_given_up": 2, "not_mirrored_unseen": 3}


def test_what_the_primary_did_not_mirror() -> None:
    lost = {
        "primary mirror_dropped": 1,
        "primary not_mirrored_truncated": 2,
        "shadow mirror_failed": 4,
        "primary lost_ends": 8,
    }
    assert not_mirrored(lost) == 3


def test_counters_within_others() -> None:
    status = {
        "captured": 3,
        "ring_connected": True,
        "log": "/var/log",
        "tee": {"open": 1, "spool": {"bytes": 2}},
    }
    assert flatten(status) == {"captured": 3, "ring_connected": 1, "tee.open": 1, "tee.spool.bytes": 2}


@pytest.mark.parametrize(
    ("command", "line", "name"),
    [
        ("python3", "python3\0-m\0agent\0/run/agent.toml\0", "agent"),
        ("python3.13", "python3\0-m\0tee\0", "tee"),
        ("python3", "python3\0-IS\0/usr/bin/capture-health\0", "python3"),
        ("haproxy", "haproxy\0-m\0256\0", "haproxy"),
        ("python3", "", "python3"),
    ],
)
def test_a_python_program_is_called_by_its_module(command: str, line: str, name: str) -> None:
    assert program_name(command, line) == name


def test_shared_memory_counts_in_parts() -> None:
    assert (
        parse_pss_bytes(
            "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss: 10 kB\nPss:       7 kB\nPss_Anon: 3 kB\n"
        )
        == 7168
    )
    assert parse_pss_bytes("") == 0


def test_memory_of_this_very_process_as_an_agent() -> None:
    with PeakMemory({"primary agent": frozenset({os.getpid()}), "primary HAProxy": frozenset({1})}) as memory:
        pass
    assert list(memory.peaks_mb("primary")) == ["primary agent"]
    assert memory.peaks_mb("primary")["primary agent"] > 1
    assert memory.peaks_mb("shadow") == {}


def test_an_agent_that_ended_is_an_error() -> None:
    with (
        pytest.raises(UserError, match="primary agent"),
        PeakMemory({"primary agent": frozenset({2**22 + 1})}),
    ):
        pass


def test_time_on_a_core() -> None:
    assert run_ns("123456 789 12\n") == 123456
    assert run_ns("") == 0


@pytest.mark.parametrize(("state", "sleeps"), [("S", True), ("R", False), ("D", False), ("Z", True)])
def test_who_wants_a_core_or_the_disk_does_not_sleep(state: str, sleeps: bool) -> None:
    assert waits_for_nothing(f"42 (R (D) R) {state} 1 42") is sleeps
    assert waits_for_nothing("")


def test_who_has_ended_is_idle_and_who_computes_is_not() -> None:
    assert wait_idle({"gone": frozenset({2**22 + 1})}, timeout_s=5)
    assert not _wait_while_computing()


def _wait_while_computing() -> bool:
    computing = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", computing], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            return wait_idle({"busy": frozenset({process.pid})}, timeout_s=0.5)
        finally:
            process.kill()


def test_assignments() -> None:
    assert assignment("A=b=c") == ("A", "b=c")
    for text in ("A", "=b"):
        with pytest.raises(UserError, match="NAME=VALUE"):
            assignment(text)
