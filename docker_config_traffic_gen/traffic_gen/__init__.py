"""Runs OpenSearch Benchmark workload by workload: what the container of the traffic generator does."""
