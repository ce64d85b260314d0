"""What a demo depends on, as one frozen object that is checked when it is made."""

import re
from dataclasses import dataclass

from capture.errors import bad_input

MIB = 1 << 20

_HEAP = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mMgG])")
_LEAST_HEAP_MIB = 128
_MOST_HEAP_MIB = 31 * 1024


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """One demo.

    Raises:
        UserError: (exit code 2) a value out of its range, or values that don't go together.
    """

    nodes: int = 2
    """Nodes of each cluster, 1 to 9."""
    heap_mib: int = 512
    """Java heap of each node in MiB, 128 to 31744."""
    wait_s: int = 120
    """How long each cluster may take to become active, in seconds; 1 to 3600."""
    port_offset: int = 0
    """Added to every port on this machine, and part of every name when it is not 0; 0 to 55000."""
    tour: bool = False
    """Send the example commands and show what becomes of them, instead of waiting for RETURN."""
    keep: bool = False
    """Leave everything running in the end."""

    def __post_init__(self) -> None:
        for option, value, low, high in (
            ("--nodes", self.nodes, 1, 9),
            ("--wait", self.wait_s, 1, 3600),
            ("--port-offset", self.port_offset, 0, 55_000),
        ):
            if not low <= value <= high:
                raise bad_input(f"{option} is {value}", f"it is a number from {low} to {high}")
        if not _LEAST_HEAP_MIB <= self.heap_mib <= _MOST_HEAP_MIB:
            raise bad_input(f"--heap is {self.heap_mib}m", "it is from 128m to 31g; 512m is enough to play")


def parse_heap(text: str) -> int:
    """Read a size as Java writes it, ``512m`` or ``1g``; in MiB.

    Raises:
        UserError: (exit code 2) it is none.
    """
    match = _HEAP.fullmatch(text)
    if match is None:
        raise bad_input(f"--heap: '{text}' is no size", "write it as 512m or 1g")
    return int(match["number"]) * (1024 if match["unit"] in "gG" else 1)
