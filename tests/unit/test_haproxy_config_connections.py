"""How many clients may be connected at once, by what the container allows."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from haproxy_config.connections import connections
from haproxy_config.container_limits import descriptors, memory_bytes

MIB = 1 << 20
BUFSIZE = 65536


@pytest.mark.parametrize(
    ("wanted", "memory_mib", "files", "clients", "words"),
    [
        # 24 GiB, and the descriptors of a small machine.
        (0, 24 * 1024, 20_000, 4862, "as 20000 descriptors allow"),
        (0, 512, 1 << 20, 3276, "as half of 512 MiB of memory allows"),
        (0, 512, 20_000, 3276, "as half of 512 MiB of memory allows"),
        (20, 512, 20_000, 20, "as CAPTURE_MAX_CONNECTIONS says"),
        # What the operator says may take more memory, but not more descriptors.
        (4000, 512, 20_000, 4000, "as CAPTURE_MAX_CONNECTIONS says"),
        (9000, 512, 20_000, 4862, "as 20000 descriptors allow: CAPTURE_MAX_CONNECTIONS=9000 needs a higher"),
        (0, 1, 20_000, 10, "memory"),
        (0, 512, 100, 10, "as 100 descriptors allow"),
    ],
)
def test_the_bound(wanted: int, memory_mib: int, files: int, clients: int, words: str) -> None:
    allowed = connections(wanted, BUFSIZE, memory_mib * MIB, files)
    assert allowed.clients == clients
    assert allowed.words.startswith(f"at most {clients} clients are connected at once, ")
    assert words in allowed.words


@pytest.mark.parametrize("files", [1024, 4096, 20_000, 65_536, 1 << 20, 1 << 30])
@pytest.mark.parametrize("memory_mib", [64, 1024, 65_536])
@pytest.mark.parametrize("wanted", [0, 100, 1_000_000])
def test_clients_never_take_the_places_that_their_own_requests_need(
    files: int, memory_mib: int, wanted: int
) -> None:
    allowed = connections(wanted, BUFSIZE, memory_mib * MIB, files)
    # Each may have a request that comes in again from the tee; the health check's are for nobody else.
    assert allowed.tee >= allowed.clients
    assert allowed.clients + allowed.tee + 20 == allowed.every
    # Each connection that comes in has one that goes out.
    assert 2 * allowed.every + 256 < files
    # HAProxy has a table of them.
    assert allowed.every < 1 << 19
    assert allowed.every <= 4 * allowed.clients + 2000


def test_larger_buffers_mean_fewer_clients() -> None:
    assert connections(0, 1 << 20, 512 * MIB, 1 << 20).clients < 260


def test_what_the_start_script_reads() -> None:
    text = connections(20, BUFSIZE, MIB, 20_000).as_environment()
    assert text.splitlines() == [
        "export CAPTURE_ALL_CONNECTIONS=2080",
        "export CAPTURE_CLIENT_CONNECTIONS=20",
        "export CAPTURE_TEE_CONNECTIONS=2040",
    ]


MACHINE = {"proc/meminfo": "MemTotal:       2048 kB\nMemFree:        1 kB\n"}
ALL = 2048 * 1024
# What version 1 says where there is no limit.
NONE = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ALL),
        ({"proc/self/cgroup": "0::/\n"}, ALL),
        # Version 2, as a container sees it, and as a process of the machine does.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "524288\n"}, 524288),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, ALL),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{1 << 40}\n"}, ALL),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "4096\n",
            },
            4096,
        ),
        # Version 1: the path is the machine's, what is mounted is the container's own group.
        (
            {
                "proc/self/cgroup": "9:cpu,cpuacct:/docker/1\n8:memory:/docker/1\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "1048576\n",
            },
            1048576,
        ),
        (
            {
                "proc/self/cgroup": "8:memory:/docker/1\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": NONE,
                "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "65536\n",
            },
            65536,
        ),
        ({"proc/self/cgroup": "8:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": NONE}, ALL),
    ],
)
def test_the_memory_limit(files: Mapping[str, str], expected: int, tmp_path: Path) -> None:
    for name, text in {**MACHINE, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert memory_bytes(tmp_path) == expected


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    assert memory_bytes(tmp_path) == 1 << 30


def test_this_machine() -> None:
    assert memory_bytes() > 64 * MIB
    assert descriptors() >= 256
