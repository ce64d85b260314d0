"""What the kernel allows this container: memory (control groups of both versions) and descriptors."""

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path


def descriptors() -> int:
    """How many descriptors one process may have open, once it has asked for all of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard if hard != resource.RLIM_INFINITY else 1 << 30


def memory_bytes(root: Path = Path("/")) -> int:
    """The container's memory limit, or the machine's memory where there is none or it is larger. ``root``: where ``proc`` and ``sys`` are."""
    return min(_memory_limits(root), default=1 << 30)


def _memory_limits(root: Path) -> Iterator[int]:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            yield int(line.split()[1]) * 1024
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _limits_of(root / "sys/fs/cgroup", path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_of(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")


def _limits_of(mount: Path, path: str, name: str) -> Iterator[int]:
    """Of the group and all that it is in. Where the path is the machine's, and not to be seen in here, the container's own group is at the top."""
    folder = mount / path.lstrip("/")
    for group in (folder, *folder.parents):
        if not group.is_relative_to(mount):
            return
        # "max": no limit.
        with contextlib.suppress(ValueError):
            yield int(_read(group / name))


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
