"""Where the Docker engine is, and whether something listens there."""

import os
import re
import socket

import docker.errors
from docker.context import ContextAPI

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_URL = re.compile(r"(?:tcp|https?)://\[?(?P<host>[^/\]]+?)\]?:(?P<port>\d+)/?$")


def default_host() -> str:
    """Where Docker's own client looks: ``DOCKER_HOST``, else its current context, else the default socket."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    try:
        context = ContextAPI.get_current_context()
        return str(context.Host) if context is not None and context.Host else _DEFAULT_HOST
    except (docker.errors.DockerException, OSError, ValueError):
        return _DEFAULT_HOST


def published_at(host: str) -> str:
    """The address at which ports that the engine at ``host`` publishes on its loopback are reached."""
    match = _URL.match(host)
    return match["host"] if match else "127.0.0.1"


def probe(host: str, timeout_s: float) -> None:
    """Open and close a connection to ``host``, for a plain reason when that is impossible.

    Raises:
        OSError: it is.
    """
    match = _URL.match(host)
    if match:
        socket.create_connection((match["host"], int(match["port"])), timeout_s).close()
    elif host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(host.removeprefix("unix://"))
