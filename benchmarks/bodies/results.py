"""Medians over the rounds, and what is asked of them."""

from collections.abc import Mapping, Sequence
from statistics import median

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
    size_name,
)
from benchmarks.results import Comparison

ASKED_RATIO = 1.5
"""Of HAProxy alone: the median of a request with 12 MB, and the p99 of small requests beside such."""
ASKED_MB_PER_S = 500.0
ASKED_MEMORY_MB = 400.0
"""Tee and agent of one container together."""


def summarise(rounds: Sequence[Measured]) -> Measured:
    """Medians over the rounds of one subject; of memory the highest, of losses all."""
    return Measured(
        sequential={
            size: Sequential(
                median(one.sequential[size].drained_ms for one in rounds),
                median(one.sequential[size].back_to_back_ms for one in rounds),
            )
            for size in SIZES
        },
        first_bytes=FirstBytes(
            median(one.first_bytes.request_ms for one in rounds),
            {name: median(one.first_bytes.answer_ms[name] for one in rounds) for name in ANSWERS},
        ),
        sustained={
            clients: Sustained(
                median(one.sustained[clients].mb_per_s for one in rounds),
                median(one.sustained[clients].settled_mb_per_s for one in rounds),
            )
            for clients in CLIENTS
        },
        memory={
            role: Peak(
                {
                    name: max(one.memory[role].processes[name] for one in rounds)
                    for name in rounds[0].memory[role].processes
                },
                max(one.memory[role].together for one in rounds),
            )
            for role in rounds[0].memory
        },
        mix=Mix(
            median(one.mix.p50_ms for one in rounds),
            median(one.mix.p99_ms for one in rounds),
            median(one.mix.bulk_p50_ms for one in rounds),
            median(one.mix.bulk_late_s for one in rounds),
            median(one.mix.stolen_ms for one in rounds),
        ),
        arrived={
            f"{load}, round {number}": arrived
            for number, one in enumerate(rounds, 1)
            for load, arrived in one.arrived.items()
        },
        not_idle=sum(one.not_idle for one in rounds),
    )


def compare(ours: Measured, haproxy: Measured | None) -> list[Comparison]:
    """What is asked of a subject of ours, as far as there is something to compare with."""

    def at_most(name: str, value: float, limit: float) -> Comparison:
        return Comparison(name, value, limit, higher_is_better=False)

    found = []
    if haproxy is not None:
        mine, alone = ours.sequential[LARGE], haproxy.sequential[LARGE]
        for name, value, base in (
            (f"{size_name(LARGE)} back to back", mine.back_to_back_ms, alone.back_to_back_ms),
            (f"{size_name(LARGE)} drained", mine.drained_ms, alone.drained_ms),
            ("p99 of small ones beside bulks", ours.mix.p99_ms, haproxy.mix.p99_ms),
        ):
            found.append(at_most(f"{name}, of HAProxy alone", value / base, ASKED_RATIO))
    found += [
        Comparison(f"MB/s, {clients} clients", rate.mb_per_s, ASKED_MB_PER_S, higher_is_better=True)
        for clients, rate in ours.sustained.items()
    ]
    found += [
        at_most(f"MB of {role} tee and agent", sum(peak.processes.values()), ASKED_MEMORY_MB)
        for role, peak in ours.memory.items()
    ]
    return found


def incomplete(summaries: Mapping[str, Measured]) -> list[str]:
    """The loads after which something had not arrived, or was counted as lost; a line each."""
    return [
        f"{subject}, {load}: {arrived}"
        for subject, summary in summaries.items()
        for load, arrived in summary.arrived.items()
        if not arrived.complete
    ]
