"""How many clients may be connected at once: what the container's memory and descriptors allow. No I/O."""

from dataclasses import dataclass

# What a client holds at most while it stalls in an upload: one buffer, and HAProxy's notes about connection and stream (1,500 of them: 73 KB each).
_NOTES_BYTES = 16 * 1024

# The other half is for the rest: the agent, the tee's copies, what waits for the shadow and for the disk.
_MEMORY_SHARE = 2

# HAProxy's other descriptors: listeners, health checks, pollers, the ring.
_SPARE_DESCRIPTORS = 512

# Some engines allow a thousand millions.
_MOST_DESCRIPTORS = 1 << 20

# HAProxy has a table of all descriptors that it may use, and fills it at its start, with 64 bytes each or more: no more than there is use for. One client may
# have some requests at once (HTTP/2).
_FOR_EACH_CLIENT = 4
_FOR_ALL_CLIENTS = 2000

# For the container's health check, whatever clients and tee do.
_SPARE_CONNECTIONS = 20

_LEAST = 10


@dataclass(frozen=True)
class Connections:
    """What HAProxy is told (``maxconn``)."""

    clients: int
    """Of clients."""
    tee: int
    """From the tee to HAProxy's inner section: as many as clients at least, so that none of these waits for a place of its own."""
    every: int
    """In all."""
    words: str
    """For the container's log."""

    def as_environment(self) -> str:
        """Lines that a shell reads."""
        values = {"ALL": self.every, "CLIENT": self.clients, "TEE": self.tee}
        return "".join(f"export CAPTURE_{name}_CONNECTIONS={value}\n" for name, value in values.items())


def connections(wanted: int, bufsize: int, memory_bytes: int, descriptors: int) -> Connections:
    """Settle them.

    Args:
        wanted: the setting ``max_connections``; 0: as many as can be.
        bufsize: HAProxy's buffer, bytes.
        memory_bytes: what the container may take.
        descriptors: what one process may have open.
    """
    # Two for each connection that comes in: it and the one that goes out.
    most = max(
        (min(descriptors, _MOST_DESCRIPTORS) - _SPARE_DESCRIPTORS) // 2, 2 * _LEAST + _SPARE_CONNECTIONS
    )
    by_descriptors = (most - _SPARE_CONNECTIONS) // 2
    by_memory = max(memory_bytes // _MEMORY_SHARE // (bufsize + _NOTES_BYTES), _LEAST)
    clients = min(wanted or by_memory, by_descriptors)
    every = min(most, _FOR_EACH_CLIENT * clients + _FOR_ALL_CLIENTS)
    if wanted > clients:
        why = f"as {descriptors} descriptors allow: CAPTURE_MAX_CONNECTIONS={wanted} needs a higher --ulimit nofile"
    elif wanted:
        why = "as CAPTURE_MAX_CONNECTIONS says"
    elif clients == by_memory:
        why = f"as half of {memory_bytes >> 20} MiB of memory allows"
    else:
        why = f"as {descriptors} descriptors allow"
    return Connections(
        clients,
        every - clients - _SPARE_CONNECTIONS,
        every,
        f"at most {clients} clients are connected at once, {why}",
    )
