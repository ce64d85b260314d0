"""The results as text: every figure absolute, and in brackets as a ratio to HAProxy alone in the same run."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.bodies.measure import ANSWERS, CLIENTS, SIZES, Measured, size_name
from benchmarks.results import Comparison
from benchmarks.table import render

Figure = Callable[[Measured], float]


def latency_table(summaries: Mapping[str, Measured], base: str) -> str:
    """Sequential requests by size, and the first bytes; ms."""
    columns: list[tuple[str, Figure]] = []
    for title, attribute in (("back to back", "back_to_back_ms"), ("drained", "drained_ms")):
        columns += [
            (f"{size_name(size)}, {title}", lambda one, s=size, a=attribute: getattr(one.sequential[s], a))  # type: ignore[misc]
            for size in SIZES
        ]
    columns.append(("12 MB: first byte at the node", lambda one: one.first_bytes.request_ms))
    columns += [
        (f"first byte of a 12 MB answer, _{name}", lambda one, n=name: one.first_bytes.answer_ms[n])  # type: ignore[misc]
        for name in ANSWERS
    ]
    return _table("ms, medians", summaries, base, columns, "{:.3f}")


def sustained_table(summaries: Mapping[str, Measured], base: str) -> str:
    """Bulks at once; MB/s."""
    columns: list[tuple[str, Figure]] = []
    for title, attribute in (("for the clients", "mb_per_s"), ("all done", "settled_mb_per_s")):
        columns += [
            (f"{clients} clients, {title}", lambda one, c=clients, a=attribute: getattr(one.sustained[c], a))  # type: ignore[misc]
            for clients in CLIENTS
        ]
    return _table("MB/s of 12 MB bulks", summaries, base, columns, "{:,.0f}")


def mix_table(summaries: Mapping[str, Measured], base: str) -> str:
    """Small requests beside bulks; ms."""
    columns: list[tuple[str, Figure]] = [
        ("p50", lambda one: one.mix.p50_ms),
        ("p99", lambda one: one.mix.p99_ms),
        ("p50 of the bulks", lambda one: one.mix.bulk_p50_ms),
        ("latest bulk late by", lambda one: one.mix.bulk_late_s * 1000),
        ("stolen by the hypervisor", lambda one: one.mix.stolen_ms),
    ]
    return _table("small ones beside bulks, ms", summaries, base, columns, "{:.2f}")


def memory_table(summaries: Mapping[str, Measured]) -> str:
    """Peaks of tee and agent."""
    rows: list[tuple[str, ...]] = [("peak memory, 16 clients with 99 MB", "MB")]
    for subject, summary in summaries.items():
        for role, peak in summary.memory.items():
            rows += [(f"{subject}: {name}", f"{size:.0f}") for name, size in peak.processes.items()]
            rows.append((f"{subject}: {role}, together, shared memory counted once", f"{peak.together:.0f}"))
    return render(rows) if len(rows) > 1 else ""


def asked(subject: str, comparisons: Sequence[Comparison]) -> str:
    """A line for each figure that something is asked of: yes or NO."""
    return "\n".join(
        f"{subject}: {one.name} {one.ours:.2f} "
        f"({'at least' if one.higher_is_better else 'at most'} {one.reference:g}): {'yes' if one.holds else 'NO'}"
        for one in comparisons
    )


def _table(
    title: str,
    summaries: Mapping[str, Measured],
    base: str,
    columns: Sequence[tuple[str, Figure]],
    form: str,
) -> str:
    """Figures in rows, subjects in columns: there are more figures than a line has room for."""
    rows: list[tuple[str, ...]] = [(title, *summaries)]
    for name, figure in columns:
        alone = figure(summaries[base]) if base in summaries else 0.0
        rows.append((name, *(_cell(figure(one), alone, form) for one in summaries.values())))
    return render(rows)


def _cell(value: float, base: float, form: str) -> str:
    return f"{form.format(value)} ({value / base:.2f})" if base > 0 else form.format(value)
