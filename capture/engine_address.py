"""Where the Docker engine is, and whether something listens there."""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping

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


def gateway_of(network: Mapping[str, str]) -> str | None:
    """The engine's own IPv4 address on a bridge network, of an element of its ``IPAM.Config``.

    Docker 20.10 names none for the default network, and takes the first of its subnet.
    """
    try:
        if network.get("Gateway"):
            return str(ipaddress.IPv4Address(network["Gateway"]))
        return str(next(ipaddress.IPv4Network(network["Subnet"]).hosts()))
    except (KeyError, ValueError):
        return None


def is_local(address: str) -> bool:
    """Whether ``address``, an IPv4 address, is one of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probed:
        try:
            probed.bind((address, 0))
        except OSError:
            return False
        return True
