"""Addresses of cluster nodes and proxies, as an operator writes them: ``host:port`` or ``[IPv6]:port``."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

# RFC 1123 host names, plus the underscore that container names may have.
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")


class NodeError(ValueError):
    """An address that can't be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, order=True)
class Node:
    """One address. ``host`` is a name, an IPv4 or an IPv6 address (without brackets), ``port`` is 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        """Whether ``host`` is an address literal, which no resolver is needed for."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def is_loopback(self) -> bool:
        """Whether the address means the machine (or the container) that uses it."""
        if self.is_ip:
            address = ipaddress.ip_address(self.host)
            inner = getattr(address, "ipv4_mapped", None) or address
            # 0.0.0.0 and :: connect to the machine itself.
            return bool(inner.is_loopback or inner.is_unspecified)
        return self.host.rstrip(".").lower() in ("localhost", "localhost.localdomain", "ip6-localhost")


def parse_node(text: str) -> Node:
    """Read one address.

    Raises:
        NodeError: no port, a port out of range, an IPv6 address without brackets, a name that is none, a URL.
    """
    if "://" in text:
        raise NodeError(f"node '{text}' is a URL", "write it as HOST:PORT, without http:// and a path")
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise NodeError(f"node '{text}' has no port", f"write it as [{host}]:PORT")
        return Node(_ipv6(host, text), _port(rest[1:], text))
    if text.count(":") > 1:
        raise NodeError(f"node '{text}' is an IPv6 address without brackets", "write it as [ADDRESS]:PORT")
    host, colon, port = text.partition(":")
    if not colon or not port:
        raise NodeError(
            f"node '{text}' has no port", f"write it as {host or 'HOST'}:PORT, e.g. {host or 'HOST'}:9200"
        )
    return Node(_host(host, text), _port(port, text))


def parse_nodes(texts: Iterable[str]) -> tuple[Node, ...]:
    """Read several addresses; a repeated one is refused, since it would get twice its share of the requests.

    Raises:
        NodeError: as `parse_node`, and for a repeated address.
    """
    nodes: list[Node] = []
    for text in texts:
        node = parse_node(text)
        if node in nodes:
            raise NodeError(f"node '{node}' is given twice", "name every node once")
        nodes.append(node)
    return tuple(nodes)


def _port(text: str, whole: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise NodeError(f"node '{whole}' has no valid port: '{text}'", "a port is a number from 1 to 65535")
    return int(text)


def _ipv6(text: str, whole: str) -> str:
    if "%" in text:
        raise NodeError(
            f"node '{whole}' has a zone, which HAProxy can't use", "use an address that is valid without one"
        )
    try:
        return str(ipaddress.IPv6Address(text))
    except ipaddress.AddressValueError as error:
        raise NodeError(
            f"node '{whole}' has no valid IPv6 address: {error}", "write it as [ADDRESS]:PORT"
        ) from error


def _host(text: str, whole: str) -> str:
    hint = "a host is a DNS name or an IP address: letters, digits, '-', '_' and '.'"
    if re.fullmatch(r"[0-9.]+", text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ipaddress.AddressValueError as error:
            raise NodeError(f"node '{whole}' has no valid IPv4 address: {error}", hint) from error
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_LABEL.match(label) for label in labels):
        raise NodeError(f"node '{whole}' has no valid host name: '{text}'", hint)
    return text.lower()
