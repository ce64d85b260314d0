"""Which of this machine's TCP ports are taken, and by what."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from capture.inventory import ContainerSummary

_PROC = Path("/proc")
_LISTEN = "0A"


def users_of_ports(
    ports: Iterable[int], containers: Iterable[ContainerSummary], *, on_this_machine: bool
) -> dict[int, str]:
    """Of ``ports`` those that are taken, each with words for what has it.

    ``on_this_machine``: whether the engine publishes ports on this machine, so that its programs count too.
    """
    by_container = {
        port: f"container {container.name}" for container in containers for port in container.published
    }
    listening = _listening() if on_this_machine else {}
    taken: dict[int, str] = {}
    for port in ports:
        if port in by_container:
            taken[port] = by_container[port]
        elif listening is not None and port in listening:
            taken[port] = _program(listening[port])
        elif listening is None and _answers(port):
            taken[port] = "a program of this machine"
    return taken


def parse_listening(table: str) -> dict[int, str]:
    """Port -> inode of the socket that listens on it, of /proc/net/tcp or tcp6 (Linux: ``Documentation/networking/proc_net_tcp``)."""
    sockets: dict[int, str] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTEN:
            sockets[int(fields[1].rpartition(":")[2], 16)] = fields[9]
    return sockets


def _listening() -> Mapping[int, str] | None:
    """None where there is no such table (the system is no Linux)."""
    try:
        tables = [
            (_PROC / "net" / name).read_text() for name in ("tcp", "tcp6") if (_PROC / "net" / name).exists()
        ]
    except OSError:
        return None
    if not tables:
        return None
    return {port: inode for table in tables for port, inode in parse_listening(table).items()}


def _program(inode: str) -> str:
    """Words for the process that has the socket; other users' processes don't show theirs."""
    for process in _processes():
        try:
            if any(str(link.readlink()) == f"socket:[{inode}]" for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()}, process {process.name}"
        except OSError:
            continue
    return "a program of another user"


def _processes() -> Iterator[Path]:
    return (path for path in _PROC.iterdir() if path.name.isdigit())


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
