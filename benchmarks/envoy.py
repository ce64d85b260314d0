"""Envoy's ``request_mirror_policies``, set as Envoy's FAQ says for benchmarks ("What are best practices for benchmarking Envoy?").

That is: no circuit breakers, no request ids, no dynamic statistics, no statistics at all, no access log.
"""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.containers import container, processes
from benchmarks.node import ClusterNode
from benchmarks.subject import Subject
from capture.engine import BuildError, Engine
from capture.errors import ExitCode, UserError

_UNLIMITED = 1_000_000_000
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


_DOCKERFILE = """ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY envoy /usr/local/bin/envoy
"""


@contextmanager
def envoy_image(engine: Engine, base: str, binary: Path, folder: Path) -> Iterator[str]:
    """An image with Envoy in it on top of ours, removed in the end; ``folder`` is made."""
    folder.mkdir()
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    shutil.copy(binary, folder / "envoy")
    (folder / "envoy").chmod(0o755)
    name = f"capture-bench-{secrets.token_hex(4)}-envoy"
    lines: list[str] = []
    try:
        engine.build(folder, tag=name, arguments={"BASE_IMAGE": base}, on_line=lines.append)
    except BuildError as error:
        raise UserError(
            f"the image with Envoy can't be built: {error}",
            hint="its output is above",
            exit_code=ExitCode.BUILD_FAILED,
            detail="\n".join(lines[-15:]),
        ) from error
    try:
        yield name
    finally:
        engine.remove_image(name)


@contextmanager
def envoy(
    engine: Engine, image: str, port: int, primary: ClusterNode, shadow: ClusterNode, concurrency: int
) -> Iterator[Subject]:
    """Run it with so many worker threads."""
    settings = {"ENVOY": json.dumps(configuration(port, primary.port, shadow.port))}
    options = f"--concurrency {concurrency} --disable-hot-restart -l warning"
    command = ("sh", "-c", f'echo "$ENVOY" > /tmp/envoy.json && exec envoy -c /tmp/envoy.json {options}')
    with container(engine, image, port, settings, command) as started:
        found = processes(started, {"envoy": "Envoy"})
        yield Subject(port, lambda: found, mirrors=True)


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
