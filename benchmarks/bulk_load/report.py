"""The results as text."""

from statistics import median

from benchmarks.bulk_load.run import Loaded, LoadResult
from benchmarks.table import render

ASKED_RATIO = 1.05
"""Of HAProxy alone with the same load of the shadow beside it."""


def table(result: LoadResult) -> str:
    """Every load, and the medians."""
    rows: list[tuple[str, ...]] = [
        ("loads", "primary s", "docs/s", "shadow later by s", "documents", "on the shadow")
    ]
    for title, loads in (("HAProxy alone", result.haproxy), ("ours, capture + mirror", result.ours)):
        rows += [_row(f"{title}, round {number}", one) for number, one in enumerate(loads, 1)]
    for title, loads in (("HAProxy alone", result.haproxy), ("ours, capture + mirror", result.ours)):
        middle = median(one.primary_s for one in loads)
        rows.append((f"{title}, median", f"{middle:.2f}", f"{result.documents / middle:,.0f}", "", "", ""))
    return render(rows)


def verdicts(result: LoadResult) -> list[str]:
    """What is asked: yes or NO; a line each, and what is behind a NO."""
    # A shadow that was spared leaves the primary more of the machine.
    comparable = all(one.shadow_later_s is not None for one in result.ours)
    holds = comparable and result.ratio <= ASKED_RATIO
    lines = [
        f"time of the load, of HAProxy alone: {result.ratio:.3f} (at most {ASKED_RATIO:g}): {_answer(holds)}"
        f"; by rounds {', '.join(f'{ratio:.3f}' for ratio in result.ratios)}"
        + ("" if comparable else "; not comparable: the shadow was not given everything")
    ]
    for number, one in enumerate(result.ours, 1):
        assert one.compared is not None
        primary, shadow = one.compared
        same = primary.identical and shadow.identical and primary.digest == shadow.digest
        lines.append(
            f"round {number}: {primary.count:,} and {shadow.count:,} of {result.documents:,} documents, identical: {_answer(same)}"
        )
        for role, compared in (("primary", primary), ("shadow", shadow)):
            lines.append(f"  {role:7} sha256 {compared.digest}")
            if not compared.identical:
                lines.append(
                    f"          missing {compared.missing:,}, extra {compared.extra:,}, differing {compared.differing:,}: "
                    f"{', '.join(compared.examples)}"
                )
        lost = ", ".join(f"{name} {count:,}" for name, count in one.losses.items())
        lines.append(f"  lost: {lost or 'nothing'}")
    return lines


def _row(title: str, one: Loaded) -> tuple[str, ...]:
    later = "never" if one.shadow_later_s is None else f"{one.shadow_later_s:.1f}"
    rate = one.counts[0] / one.primary_s
    return title, f"{one.primary_s:.2f}", f"{rate:,.0f}", later, f"{one.counts[0]:,}", f"{one.counts[1]:,}"


def _answer(holds: bool) -> str:
    return "yes" if holds else "NO"
