"""Where the figures were taken."""

import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.ours import Deployment
from benchmarks.programs import version
from capture.container import ContainerSettings
from capture.engine import Engine

_PROGRAMS = {
    "haproxy": ("haproxy", "-v"),
    "python": ("python3", "--version"),
}


def environment(
    engine: Engine, image: str, deployment: Deployment, envoy: Path | None = None
) -> dict[str, str]:
    """Machine, versions and how our proxies are started, in the order in which they are shown."""
    found = {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "kernel": platform.release(),
        **_in_image(engine, image),
        "nginx": version("nginx", "-v"),
        "h2load": version("h2load", "--version"),
        "--shadow-cpu-shares": str(deployment.shadow_cpu_shares),
        **deployment.environment,
    }
    if envoy is not None:
        found["envoy"] = version(str(envoy), "--version")
    return found


def _in_image(engine: Engine, image: str) -> Mapping[str, str]:
    container = engine.run(
        ContainerSettings(image=image, purpose="benchmark", command=("sleep", "60"), network="host")
    )
    try:
        return {name: _number(container.exec(*command).output) for name, command in _PROGRAMS.items()}
    finally:
        container.remove()


def _number(text: str) -> str:
    match = re.search(r"\d+\.\d+(\.\d+)?", text)
    return match[0] if match else "unknown"


def _processor() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1] if match else platform.machine()
