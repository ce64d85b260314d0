"""How much memory a demo takes, and how much there is."""

import re
from pathlib import Path

from capture.demo.settings import MIB, DemoSettings

# Beside the heap: code, threads, network buffers. A node with 512 MiB of heap took 640 to 675 MiB after its start.
_NODE_OVERHEAD_MIB = 250
_PROXY_MIB = 100

_MEMINFO = Path("/proc/meminfo")


def needed_mib(settings: DemoSettings) -> int:
    """What both clusters and both proxies take, in MiB."""
    return 2 * (settings.nodes * (settings.heap_mib + _NODE_OVERHEAD_MIB) + _PROXY_MIB)


def available_mib() -> int | None:
    """What programs can still have on this machine, in MiB; None where the system does not tell (it is no Linux)."""
    try:
        return parse_available(_MEMINFO.read_text())
    except OSError:
        return None


def parse_available(meminfo: str) -> int | None:
    """``MemAvailable`` of /proc/meminfo in MiB (proc(5): its unit is 1024 bytes)."""
    match = re.search(r"^MemAvailable:\s+([0-9]+) kB$", meminfo, re.MULTILINE)
    return int(match[1]) * 1024 // MIB if match else None
