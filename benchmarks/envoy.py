"""Envoy's ``request_mirror_policies``, set as Envoy's FAQ says for benchmarks ("What are best practices for benchmarking Envoy?").

That is: no circuit breakers, no request ids, no dynamic statistics, no statistics at all, no access log.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.host_process import running
from benchmarks.node import ClusterNode
from benchmarks.processes import session_processes
from benchmarks.subject import Subject

_UNLIMITED = 1_000_000_000
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


@contextmanager
def envoy(
    binary: Path, folder: Path, port: int, primary: ClusterNode, shadow: ClusterNode, concurrency: int
) -> Iterator[Subject]:
    """Run it with so many worker threads; its files go to ``folder``, which is made."""
    folder.mkdir()
    config = folder / "envoy.json"
    config.write_text(json.dumps(configuration(port, primary.port, shadow.port), indent=2))
    command = [
        str(binary),
        "-c",
        str(config),
        "--concurrency",
        str(concurrency),
        "--disable-hot-restart",
        "-l",
        "warning",
    ]
    with running(command, folder / "envoy.log", port) as pid:
        yield Subject(port, lambda: {"Envoy": session_processes(pid)}, mirrors=True)


def configuration(port: int, primary: int, shadow: int) -> dict[str, Any]:
    """The bootstrap configuration."""
    mirror = {
        "cluster": "shadow",
        "runtime_fraction": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "disable_shadow_host_suffix_append": True,
    }
    route = {
        "match": {"prefix": "/"},
        "route": {"cluster": "primary", "timeout": "0s", "request_mirror_policies": [mirror]},
    }
    router = {
        "@type": f"{_FILTERS}.http.router.v3.Router",
        "dynamic_stats": False,
        "suppress_envoy_headers": True,
    }
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "benchmark",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    listener = {
        "name": "clients",
        "address": _address(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "static_resources": {
            "listeners": [listener],
            "clusters": [_cluster("primary", primary), _cluster("shadow", shadow)],
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    limits = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
        "circuit_breakers": {"thresholds": [dict.fromkeys(limits, _UNLIMITED)]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
