"""Everything that the rendered files depend on, as one frozen object, and its two other forms: JSON and environment."""

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from haproxy_config.nodes import Node, NodeError, parse_nodes

ENVIRONMENT_PREFIX = "CAPTURE_"

# Environment names that differ from their field's: the words an operator uses for them.
_ENVIRONMENT_NAMES = {"mirror_to": "SHADOW_HAPROXY"}

ROLES = ("primary", "shadow")
MIRROR_AGENTS = ("built-in", "spoa-mirror")


class SettingsError(ValueError):
    """Settings that can't be used; ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class ProxySettings:
    """One proxy. Every field can be given to a container as ``CAPTURE_<FIELD>`` (``mirror_to``: ``CAPTURE_SHADOW_HAPROXY``).

    Lists are separated by spaces or commas in the environment. Sizes are bytes.
    """

    role: str
    """``primary`` or ``shadow``: which cluster stands behind this proxy."""
    nodes: tuple[Node, ...]
    """The cluster's nodes, balanced round-robin."""
    mirror_to: tuple[Node, ...] = ()
    """The shadow HAProxy, or several; nothing is mirrored when empty."""
    port: int = 9200
    """The port that HAProxy listens on inside its container, 1 to 65535."""
    mirror_agent: str = "built-in"
    """``built-in``, or ``spoa-mirror``: HAProxy's own mirror agent, whose binary the image then carries."""

    bufsize: int = 65536
    """HAProxy's ``tune.bufsize``: headers and body of one message must fit to be captured and mirrored whole. 16384 to 16777216."""
    processing_timeout_ms: int = 50
    """How long HAProxy waits for the agent to acknowledge a request or an answer before it passes it on regardless."""
    connect_timeout_s: int = 5
    """How long HAProxy waits for a connection to a node before it tries again or the next one."""
    client_timeout_s: int = 3600
    """HAProxy's ``timeout client``: how long a client may stay silent."""
    server_timeout_s: int = 3600
    """HAProxy's ``timeout server``: how long a node may stay silent while it works on a request."""
    drain_s: int = 4
    """How long a stopping proxy waits for requests under way, and then again for the rest of the mirroring. 1 to 60."""

    log_path: str = "/var/log/haproxy-traffic.log"
    """The capture log, in a directory that the container may write to."""
    log_file_bytes: int = 256 * 1024 * 1024
    """The capture log is rotated when it reaches this size."""
    log_total_bytes: int = 4 * 1024 * 1024 * 1024
    """The oldest compressed logs are removed so that all of them stay under this size."""
    redact_headers: tuple[str, ...] = (
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-amz-security-token",
        "es-secondary-authorization",
    )
    """Headers whose values are not written to the capture log. Empty: everything is written."""

    pending_bytes: int = 64 * 1024 * 1024
    """Requests whose answers are awaited: memory for them; beyond it the oldest are ended as unanswered."""
    mirror_connections: int = 64
    """Connections to each shadow HAProxy at most."""
    mirror_queue_bytes: int = 256 * 1024 * 1024
    """Requests waiting to be mirrored: memory for them; beyond it requests are not mirrored, and counted."""
    mirror_deadline_s: float = 300.0
    """How long the shadow may take to answer one request."""
    capture_queue_bytes: int = 256 * 1024 * 1024
    """Lines waiting to be written: memory for them; beyond it lines are dropped, and counted."""

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """The settings as JSON text, which `from_json` reads."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps(
            values | {name: [str(node) for node in values[name]] for name in ("nodes", "mirror_to")}, indent=2
        )

    @classmethod
    def from_json(cls, text: str) -> "ProxySettings":
        """Read what `to_json` wrote.

        Raises:
            SettingsError: an unknown name (the nearest known one is named), or a value out of its range.
        """
        values = json.loads(text)
        known = {field.name for field in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise SettingsError(f"unknown setting '{name}'", _nearest(name, known))
        for name in ("nodes", "mirror_to"):
            values[name] = _nodes(values.get(name, ()))
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**read)

    def with_environment(self, environment: Mapping[str, str]) -> "ProxySettings":
        """These settings, changed by what ``environment`` says in variables named ``CAPTURE_...``.

        Raises:
            SettingsError: a value that can't be read or is out of its range.
        """
        changes: dict[str, object] = {}
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            variable = environment_name(field.name)
            if variable in environment and field.name != "role":
                changes[field.name] = _convert(variable, environment[variable], hints[field.name])
        return dataclasses.replace(self, **changes) if changes else self  # type: ignore[arg-type]


def environment_name(field: str) -> str:
    """The environment variable that sets ``field``."""
    return ENVIRONMENT_PREFIX + _ENVIRONMENT_NAMES.get(field, field.upper())


def _convert(variable: str, text: str, kind: object) -> object:
    if isinstance(kind, types.GenericAlias):
        words = text.replace(",", " ").split()
        return _nodes(words) if Node in typing.get_args(kind) else tuple(word.lower() for word in words)
    if kind in (int, float):
        try:
            return int(text) if kind is int else float(text)
        except ValueError as error:
            raise SettingsError(
                f"{variable} is not a number: '{text}'", f"set {variable} to a number"
            ) from error
    return text


def _nodes(texts: list[str]) -> tuple[Node, ...]:
    try:
        return parse_nodes(texts)
    except NodeError as error:
        raise SettingsError(str(error), error.hint) from error


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known settings: {', '.join(sorted(known))}"


def _check(settings: ProxySettings) -> None:
    for name, allowed in (("role", ROLES), ("mirror_agent", MIRROR_AGENTS)):
        if getattr(settings, name) not in allowed:
            raise SettingsError(
                f"{name} is '{getattr(settings, name)}'", f"it is one of: {', '.join(allowed)}"
            )
    if not settings.nodes:
        raise SettingsError("no node is given", "name at least one node as HOST:PORT")
    if not settings.log_path.startswith("/"):
        raise SettingsError(f"log_path is not absolute: '{settings.log_path}'", "write it as /DIRECTORY/FILE")
    if settings.mirror_agent == "spoa-mirror" and len(settings.mirror_to) > 1:
        raise SettingsError(
            "spoa-mirror sends to one shadow HAProxy only", "name one, or use --mirror-agent built-in"
        )
    for name, low, high in _RANGES:
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingsError(f"{name} is {value}", f"it is a number from {low} to {high}")
    for node in settings.nodes:
        if node.is_loopback and node.port == settings.port:
            raise SettingsError(
                f"node '{node}' is the proxy itself: it listens on port {settings.port} of its own loopback",
                "name the node by an address that the container can reach, or choose another internal port",
            )


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("port", 1, 65535),
    ("bufsize", 16384, 16 * 1024 * 1024),
    ("processing_timeout_ms", 1, 60_000),
    ("connect_timeout_s", 1, 3600),
    ("client_timeout_s", 1, 2_000_000),
    ("server_timeout_s", 1, 2_000_000),
    ("drain_s", 1, 60),
    ("log_file_bytes", 64 * 1024, 1 << 40),
    ("log_total_bytes", 64 * 1024, 1 << 44),
    ("pending_bytes", 1 << 20, 1 << 36),
    ("mirror_connections", 1, 4096),
    ("mirror_queue_bytes", 1 << 20, 1 << 36),
    ("mirror_deadline_s", 0.1, 86_400),
    ("capture_queue_bytes", 1 << 20, 1 << 36),
)
