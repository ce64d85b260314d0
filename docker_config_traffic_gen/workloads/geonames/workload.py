"""The queries of this workload that are too long to be written down, as OpenSearch Benchmark loads them."""

import random
from typing import Any

from traffic_gen import as_written

_TERMS = 1000


def large_terms(_workload: Any, params: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A query for a thousand values of which some may be there: a request of several kilobytes, the same each time."""
    rng = random.Random(params["seed"])  # noqa: S311 - nothing secret
    values = [f"{rng.randrange(100_000):05d}" for _ in range(_TERMS)]
    return {"index": params["index"], "body": {"query": {"terms": {"admin3_code": values}}}}


def register(registry: Any) -> None:
    """Called by OpenSearch Benchmark."""
    as_written.register(registry)
    registry.register_param_source("large-terms", large_terms)
