"""What the CloudWatch Agent writes down of the files that it follows: how far CloudWatch Logs has taken them.

Source: amazon-cloudwatch-agent, plugins/inputs/logfile (older versions: the offset and the file's name, a line each) and internal/state
(newer ones: a third line with the ranges that were taken, which are not always contiguous).
"""

import re
from pathlib import Path

_RANGE = re.compile(r"(\d+)-(\d+)")


def state_file(folder: Path, followed: Path) -> Path:
    """The file in the agent's state folder that is about ``followed``."""
    return folder / re.sub("[/ :]", "_", str(followed))


def taken_bytes(text: str) -> int:
    """How many bytes from the file's beginning the service has taken, without a gap."""
    lines = text.split("\n")
    if len(lines) > 2 and lines[2].strip():
        first = _RANGE.match(lines[2].strip())
        return int(first[2]) if first and int(first[1]) == 0 else 0
    return int(lines[0]) if lines[0].strip().isdecimal() else 0


def read_taken(folder: Path, followed: Path) -> int:
    """The same for a file that is followed; 0 while nothing is written down."""
    try:
        return taken_bytes(state_file(folder, followed).read_text("utf-8", "replace"))
    except FileNotFoundError:
        return 0
