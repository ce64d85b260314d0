"""What a run of a workload came to, from the record that OpenSearch Benchmark leaves of it.

It ends with SUCCESS when requests failed, too: then their part of all requests is in the record only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """How a workload ended."""

    workload: str
    problem: str | None = None
    """One line; None when all was well."""


def judge(workload: str, exit_code: int, record: str | None) -> Outcome:
    """The outcome of a run that ended with ``exit_code`` and left ``record`` (the text of its ``test_execution.json``)."""
    if exit_code != 0:
        return Outcome(workload, f"OpenSearch Benchmark ended with exit code {exit_code}")
    if record is None:
        return Outcome(workload, "OpenSearch Benchmark left no record of it")
    try:
        rates = error_rates(json.loads(record))
    except (ValueError, KeyError, TypeError) as error:
        return Outcome(workload, f"OpenSearch Benchmark's record of it can't be read ({error!r})")
    if not rates:
        return Outcome(workload, "OpenSearch Benchmark's record of it holds no operation")
    wrong = [f"{task} {rate:.1%}" for task, rate in rates.items() if rate > 0]
    return Outcome(workload, f"error rates: {', '.join(wrong)}" if wrong else None)


def error_rates(record: Mapping[str, Any]) -> dict[str, float]:
    """Task -> part of its requests that failed."""
    return {each["task"]: float(each["error_rate"]) for each in record["results"]["op_metrics"]}


def summary(outcomes: list[Outcome]) -> tuple[str, bool]:
    """One line about all of them, and whether all was well."""
    wrong = [f"{each.workload} ({each.problem})" for each in outcomes if each.problem is not None]
    if not wrong:
        return f"Done: {', '.join(each.workload for each in outcomes)}, without an error", True
    return f"{len(wrong)} of {len(outcomes)} workloads failed: {'; '.join(wrong)}", False
