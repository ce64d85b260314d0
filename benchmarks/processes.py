"""CPU time and peak memory of processes, from /proc."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")

Groups = Mapping[str, frozenset[int]]
"""Name -> process ids."""


@dataclass(frozen=True)
class Usage:
    """What a group of processes used."""

    cpu_s: float
    peak_bytes: int


def parse_cpu_s(stat: str, ticks: int = _TICKS) -> float:
    """User and system time from ``/proc/PID/stat`` (proc_pid_stat(5): fields 14 and 15; the second may hold spaces)."""
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / ticks


def parse_peak_bytes(status: str) -> int:
    """``VmHWM`` of ``/proc/PID/status``; 0 when there is none (a process that just ended)."""
    match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def session_processes(session: int) -> frozenset[int]:
    """The processes of the session that ``session`` leads."""

    def leads(pid: int) -> bool:
        stat = _read(pid, "stat")
        return stat != "" and int(stat[stat.rindex(")") + 2 :].split()[3]) == session

    return frozenset(filter(leads, _pids()))


def container_processes(container_id: str) -> dict[str, frozenset[int]]:
    """The processes of a container by their command's name; a Python program by its module's."""
    found: dict[str, set[int]] = {}
    for pid in _pids():
        if container_id in _read(pid, "cgroup"):
            name = program_name(_read(pid, "comm").strip(), _read(pid, "cmdline"))
            found.setdefault(name, set()).add(pid)
    return {name: frozenset(pids) for name, pids in found.items()}


def program_name(command: str, command_line: str) -> str:
    """What a process runs: its command, or PACKAGE of ``python3 -m PACKAGE.MODULE``.

    ``command_line``: as in ``/proc/PID/cmdline``, words separated by NUL.
    """
    words = command_line.split("\0")
    if command.startswith("python") and "-m" in words[:-1]:
        return words[words.index("-m") + 1].partition(".")[0]
    return command


def inside(pids: Iterable[int], path: str) -> Path | None:
    """A file of the container that processes run in, as its host sees it; None: it is not there, or we may not look (one must be root)."""
    for pid in pids:
        found = _PROC / str(pid) / "root" / path.lstrip("/")
        try:
            if found.exists():
                return found
        except OSError:
            continue
    return None


class Accounting:
    """CPU time since it was made, and peak memory since then where the system lets us reset it."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        for pids in groups.values():
            for pid in pids:
                _reset_peak(pid)
        self._before = {name: _cpu_s(pids) for name, pids in groups.items()}

    def usage(self) -> dict[str, Usage]:
        """By group."""
        return {
            name: Usage(
                _cpu_s(pids) - self._before[name],
                sum(parse_peak_bytes(_read(pid, "status")) for pid in pids),
            )
            for name, pids in self._groups.items()
        }


def _cpu_s(pids: Iterable[int]) -> float:
    return sum(parse_cpu_s(stat) for pid in pids if (stat := _read(pid, "stat")))


def _reset_peak(pid: int) -> None:
    try:
        # proc_pid_clear_refs(5): 5 sets the peak to what is used now. Needs to be root, or the process's owner.
        (_PROC / str(pid) / "clear_refs").write_text("5")
    except OSError:
        return


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text(errors="replace")
    except OSError:
        return ""
