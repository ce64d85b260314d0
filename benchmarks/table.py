"""The results as text."""

from collections.abc import Mapping, Sequence

from benchmarks.results import Comparison, Summary


def render(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the first line of them a heading; the first column is aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(w) if not i else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join([line(rows[0]), "  ".join("-" * width for width in widths), *map(line, rows[1:])])


def speed_table(summaries: Mapping[str, Summary], haproxy: str, envoy: str) -> str:
    """Latency and maximum of every subject; ratios to the subjects named ``haproxy`` and ``envoy``."""
    heading = (
        "medians", "p50 ms", "p99 ms", "max req/s", "/ HAProxy", "/ Envoy", "burst req/s", "behind by",
    )  # fmt: skip
    rows = [heading]
    for name, summary in summaries.items():
        rows.append(
            (
                name,
                f"{summary.p50_ms:.2f}",
                f"{summary.p99_ms:.2f}",
                f"{summary.maximum:,.0f}" if summary.maximum else "none",
                _ratio(summary, summaries.get(haproxy)),
                _ratio(summary, summaries.get(envoy)),
                f"{summary.burst:,.0f}",
                f"{summary.behind:,.0f}",
            )
        )
    return render(rows)


def cost_table(summaries: Mapping[str, Summary]) -> str:
    """CPU time and memory of every process."""
    rows: list[tuple[str, ...]] = [
        ("process", "CPU us/request at 1,000/s", "at the maximum", "peak MB at 1,000/s", "at the maximum")
    ]
    for subject, summary in summaries.items():
        low, high = summary.costs["latency"], summary.costs["maximum"]
        for process, cost in low.items():
            # The shadow's node has nothing to do in most.
            if cost.cpu_us_per_request < 0.1 and high[process].cpu_us_per_request < 0.1:
                continue
            cells = (
                cost.cpu_us_per_request,
                high[process].cpu_us_per_request,
                cost.peak_mb,
                high[process].peak_mb,
            )
            rows.append((f"{subject}: {process}", *(f"{cell:.0f}" for cell in cells)))
    return render(rows)


def verdict(reference: str, comparisons: Sequence[Comparison]) -> str:
    """Whether ours is at least as fast as ``reference``, and in which figures it is not."""
    if not comparisons:
        return f"{reference}: nothing to compare"
    figures = "; ".join(
        f"{one.name} {one.ours:,.2f} ({'at least' if one.higher_is_better else 'at most'} {one.reference:,.2f}: "
        f"{'yes' if one.holds else 'NO'})"
        for one in comparisons
    )
    answer = "yes" if all(one.holds for one in comparisons) else "NO"
    return f"at least as fast as {reference}: {answer} - {figures}"


def _ratio(summary: Summary, base: Summary | None) -> str:
    if base is None or not base.maximum or not summary.maximum:
        return "-"
    return f"{summary.maximum / base.maximum:.2f}"
