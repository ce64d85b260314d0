"""Where a demo is reached, for programs."""

import json

from capture.demo.examples import CAPTURE_LOG
from capture.demo.plan import Plan, Side


def endpoints(plan: Plan, address: str, engine_host: str) -> str:
    """One line of JSON: URLs and container names of both sides, the engine, and what removes a demo that was kept."""
    return json.dumps(
        {
            **{side.role: _side(side, address) for side in plan.sides},
            "capture_log": CAPTURE_LOG,
            "docker_host": engine_host,
            "clean": plan.clean_command,
        }
    )


def _side(side: Side, address: str) -> dict[str, object]:
    return {
        "cluster": side.cluster,
        "haproxy": f"http://{address}:{side.proxy_port}",
        "haproxy_container": side.proxy,
        "nodes": [f"http://{address}:{port}" for port in side.node_ports],
        "node_containers": list(side.nodes),
    }
