"""What OpenSearch Benchmark loads with this workload."""

from traffic_gen.as_written import register

__all__ = ["register"]
