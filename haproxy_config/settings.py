"""Everything that the rendered files depend on, as one frozen object, and its two other forms: JSON and environment."""

import dataclasses
import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from haproxy_config.nodes import Node, NodeError, parse_nodes

ENVIRONMENT_PREFIX = "CAPTURE_"

# Environment names that differ from their field's: the words an operator uses for them.
_ENVIRONMENT_NAMES = {"mirror_to": "SHADOW_HAPROXY"}

# The start script's own, and the agent's.
_NOT_SETTINGS = frozenset(
    (
        "CAPTURE_CONFIG_DIR",
        "CAPTURE_RUNTIME_DIR",
        "CAPTURE_NOTIFY",
        "CAPTURE_MIRROR_KEY_FILE",
        "CAPTURE_ALL_CONNECTIONS",
        "CAPTURE_CLIENT_CONNECTIONS",
        "CAPTURE_TEE_CONNECTIONS",
        "CAPTURE_ALL_THREADS",
        "CAPTURE_CLIENT_THREADS",
        "CAPTURE_TEE_THREADS",
    )
)

# The fields' names as variables where an operator's word is another.
_FIELD_VARIABLES = {
    ENVIRONMENT_PREFIX + field.upper(): ENVIRONMENT_PREFIX + name
    for field, name in _ENVIRONMENT_NAMES.items()
}

_AS_JSON = "leave settings.json as the build wrote it, and set CAPTURE_... variables"

_TYPE_NAMES: dict[object, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    tuple[str, ...]: "a list of strings",
    tuple[Node, ...]: "a list of HOST:PORT strings",
}

# A field name of HTTP (RFC 9110 5.1).
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# Words of HAProxy's and values of fields alike.
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")

# What a path may be made of (RFC 3986 3.3).
_PATH_PART = re.compile(r"[A-Za-z0-9._~!$&()*+,;=:@%/-]+")

# Of CloudWatch Logs (PutRetentionPolicy); 0: none is set.
RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

_URL = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")

# CreateLogGroup and CreateLogStream of CloudWatch Logs; a stream's name has no ':' and no '*'.
_OFFLOAD_TEXTS = (
    ("offload_region", re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+"), "eu-central-1"),
    ("cloudwatch_log_group", re.compile(r"[A-Za-z0-9_/.#-]{1,512}"), "/cluster-traffic-capture/primary"),
    (
        "cloudwatch_log_stream",
        re.compile(r"(?:[A-Za-z0-9_/.#@-]|\{(?:local_)?hostname\}|\{ip_address\}|\{instance_id\})+"),
        "{local_hostname}, or a name",
    ),
    ("cloudwatch_endpoint", _URL, "https://HOST, or https://HOST:PORT"),
    # Bucket naming rules of Amazon S3, and capitals and underscores of older buckets and other stores.
    (
        "s3_url",
        re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](?:/[A-Za-z0-9!_.*'()=/-]*)?"),
        "s3://BUCKET/PREFIX",
    ),
    ("s3_endpoint", _URL, "https://HOST, or https://HOST:PORT"),
    ("s3_host", re.compile(r"[A-Za-z0-9!_.*'()=-]{1,253}"), "a name of letters, digits, '.', '-' and '_'"),
    ("s3_storage_class", re.compile(r"[A-Z][A-Z0-9_]+"), "STANDARD_IA"),
    ("s3_kms_key", re.compile(r"[A-Za-z0-9:/_-]{1,2048}"), "the key's id, its ARN, or alias/NAME"),
)

# A store closes a connection on which nothing comes for some 20 s.
_LEAST_BYTES_PER_S = 16384

ROLES = ("primary", "shadow")
MIRROR_AGENTS = ("built-in", "spoa-mirror")
CAPTURE_RESPONSES = ("needed", "whole")
ORDERS = ("write-sets", "writes", "strict", "none")
OFFLOAD = ("cloudwatch", "s3")
"""Where the capture can go besides its log: the names in `offload.sinks.SINKS`."""


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

    threads: int = 0
    """HAProxy's threads for clients, and as many again for what comes from the tee; 0: half as many as there are cores, 4 at most."""
    bufsize: int = 65536
    """HAProxy's ``tune.bufsize``: headers and body of one message must fit to be captured and mirrored whole. 16384 to 16777216."""
    ring_bytes: int = 64 * 1024 * 1024
    """Memory of HAProxy's for ended transactions that the agent has not read yet; what no longer fits is lost, and counted."""
    processing_timeout_ms: int = 50
    """How long HAProxy waits for the agent to acknowledge a long request or answer before it passes it on regardless."""
    connect_timeout_s: int = 5
    """How long HAProxy waits for a connection to a node before it tries again or the next one."""
    client_timeout_s: int = 3600
    """HAProxy's ``timeout client``: how long a client may stay silent."""
    head_timeout_s: int = 3600
    """How long a client may take for the head of one request in all. Nodes have no such bound; an honest client never comes near this one."""
    server_timeout_s: int = 3600
    """HAProxy's ``timeout server``: how long a node may stay silent while it works on a request."""
    max_connections: int = 0
    """Clients that may be connected at once; more of them wait in the kernel's queue. 0: what the container's memory and descriptors allow
    (`haproxy_config.connections`)."""
    drain_s: int = 4
    """How long a stopping proxy waits for requests under way, and then again for the rest of mirroring and writing. 1 to 60; with more than 4 give
    ``docker stop`` more than its 10 s."""

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
        "es-client-authentication",
        "x-client-authentication",
        "es-secondary-x-client-authentication",
    )
    """Headers whose values are not written to the capture log: those that HTTP, AWS, Elasticsearch and OpenSearch have for credentials. Empty:
    everything is written."""

    capture_responses: str = "needed"
    """``needed``: answers of the requests that ``whole_answers`` names are captured whatever their length, others as far as they fit HAProxy's
    buffer. ``whole``: all are, and every request takes the way through the tee."""
    whole_answers: tuple[str, ...] = (
        "/_bulk",
        "/_msearch",
        "/_mget",
        "/_search/scroll",
        "/_pit",
        "/_search/point_in_time",
    )
    """Requests whose path has one of these in it have their answers captured whole; so have all with a ``scroll`` parameter."""
    pending_bytes: int = 64 * 1024 * 1024
    """Requests whose answers are awaited: memory for them; beyond it the oldest are ended as unanswered. As much for transactions that wait for
    the tee's copies, and for copies whose clients are still reading."""
    order: str = "write-sets"
    """What a mirrored request waits for, of all that its client may have had the answers to: ``write-sets`` (writes to what it reads or writes), ``writes`` (all
    writes), ``strict`` (all requests), ``none`` (nothing)."""
    mirror_connections: int = 1024
    """Connections to each shadow HAProxy at most: so many requests are under way there at once."""
    mirror_queue_bytes: int = 256 * 1024 * 1024
    """Requests waiting to be mirrored: memory for them; beyond it requests are not mirrored, and counted."""
    mirror_key: str = dataclasses.field(default="", repr=False)
    """What the primary's mirror shows the shadow's proxy so that this believes its identifiers: the same for both. Empty: the shadow believes nobody.
    Not in the JSON form: it has a file of its own (`haproxy_config.render.KEY_FILE`)."""
    mirror_deadline_s: float = 300.0
    """How long the shadow may take to answer one request."""
    capture_queue_bytes: int = 256 * 1024 * 1024
    """Lines waiting to be written: memory for them; beyond it lines are dropped, and counted."""
    body_bytes: int = 16 * 1024 * 1024
    """Of one body the record keeps whole at most so much, as sent and decoded; ``bufsize`` at least."""
    prefix_bytes: int = 64 * 1024
    """Of a body longer than ``body_bytes`` the record keeps so many of its first bytes, and the SHA-256 of all."""

    tee_memory_bytes: int = 256 * 1024 * 1024
    """Copies of what passed through the tee, waiting for the agent: memory for them; from half of it on they move to the spool."""
    spool_bytes: int = 4 * 1024 * 1024 * 1024
    """The spool file's size at most; beyond both copies end early, and are counted. 0: there is no spool. Lines with long bodies that
    wait for the disk may hold three quarters of both; beyond it they are written without these, and counted."""
    spool_dir: str = ""
    """Directory of the spool file, which has no name in it; empty: the capture log's."""

    offload: tuple[str, ...] = ()
    """Where the capture goes besides its log: names out of `OFFLOAD`."""
    offload_region: str = ""
    """The AWS region; empty: what ``AWS_REGION``, a profile or the machine's own region say."""
    cloudwatch_log_group: str = ""
    """Log group of CloudWatch Logs; empty: ``/cluster-traffic-capture/`` and the role."""
    cloudwatch_log_stream: str = "{local_hostname}"
    """Log stream; the CloudWatch Agent puts the container's name for itself in place of ``{local_hostname}``."""
    cloudwatch_retention_days: int = 0
    """After so many days the service forgets what it was sent, as far as it can be told so; 0: as the log group is set."""
    cloudwatch_endpoint: str = ""
    """URL of CloudWatch Logs, where that is another than the region's: a private endpoint."""
    cloudwatch_line_bytes: int = 262_000
    """Lines longer than this are sent with shortened bodies. The CloudWatch Agent cuts lines at 262,118 bytes; newer ones may take 1 MB."""
    cloudwatch_flush_s: int = 5
    """How long the CloudWatch Agent gathers lines before it sends them."""
    cloudwatch_spool_bytes: int = 128 * 1024 * 1024
    """The files beside the log that the CloudWatch Agent follows: disk for them. What it has not sent beyond that waits in the capture log, as far
    as ``log_total_bytes`` goes; what is removed before it was sent is counted."""

    s3_url: str = ""
    """``s3://BUCKET/PREFIX``: where rotated files of the capture log go; given, ``offload`` need not name ``s3``."""
    s3_endpoint: str = ""
    """URL of the store, where that is another than the region's: a private endpoint, or another maker's store."""
    s3_host: str = ""
    """The part of the objects' names that says whose capture it is; empty: the container's host name."""
    s3_interval_s: int = 3600
    """With S3 the log is also rotated, and so uploaded, when the clock passes a multiple of so many seconds (3600: at the full hours)."""
    s3_bytes_per_s: int = 8 * 1024 * 1024
    """Bandwidth of the upload at most; 0: no bound."""
    s3_keep_local_bytes: int = 0
    """Of the files that are verified to be in the store, the newest stay here too, up to so many bytes."""
    s3_storage_class: str = ""
    """Storage class of the objects; empty: the bucket's."""
    s3_kms_key: str = ""
    """Key of the key management service to encrypt the objects with; empty: as the bucket is set."""

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names in `OFFLOAD`: where the capture goes besides its log."""
        return tuple(name for name in OFFLOAD if name in self.offload or (name == "s3" and self.s3_url))

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """The settings as JSON text, which `from_json` reads; without the key."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["mirror_key"]
        return json.dumps(
            values | {name: [str(node) for node in values[name]] for name in ("nodes", "mirror_to")}, indent=2
        )

    @classmethod
    def from_json(cls, text: str) -> "ProxySettings":
        """Read what `to_json` wrote.

        Raises:
            SettingsError: no JSON, an unknown name (the nearest known one is named), a value of another type or out of its range.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SettingsError(f"the settings are no JSON: {error}", _AS_JSON) from error
        if not isinstance(values, dict):
            raise SettingsError("the settings are no JSON object", _AS_JSON)
        kinds = typing.get_type_hints(cls)
        for name, value in values.items():
            if name not in kinds:
                raise SettingsError(f"unknown setting '{name}'", _nearest(name, kinds))
            if not _is(value, kinds[name]):
                raise SettingsError(f"{name} is {value!r}", f"its type is {_TYPE_NAMES[kinds[name]]}")
        for name in ("role", "nodes"):
            if name not in values:
                raise SettingsError(f"{name} is missing", _AS_JSON)
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**read | {name: _nodes(read[name]) for name in ("nodes", "mirror_to") if name in read})

    def with_environment(self, environment: Mapping[str, str]) -> "ProxySettings":
        """These settings, changed by what ``environment`` says in variables named ``CAPTURE_...``.

        Raises:
            SettingsError: a value that can't be read or is out of its range; a variable whose name is nearly one of these.
        """
        _refuse_slips(environment)
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


def _refuse_slips(environment: Mapping[str, str]) -> None:
    """Variables with our prefix may be anybody's (Kubernetes makes some for a service named "capture"): only slips are refused."""
    known = {environment_name(field.name) for field in dataclasses.fields(ProxySettings)} | _NOT_SETTINGS
    for variable in environment:
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in known:
            near = difflib.get_close_matches(variable, known - _NOT_SETTINGS, n=1, cutoff=0.9)
            # capture_queue_bytes begins with the prefix itself.
            near = [name for name in known if name == f"{ENVIRONMENT_PREFIX}{variable}"] or near
            if near or variable in _FIELD_VARIABLES:
                wanted = _FIELD_VARIABLES.get(variable) or near[0]
                raise SettingsError(f"unknown variable {variable}", f"did you mean {wanted}?")


def _convert(variable: str, text: str, kind: object) -> object:
    if isinstance(kind, types.GenericAlias):
        words = text.replace(",", " ").split()
        return _nodes(words) if Node in typing.get_args(kind) else tuple(words)
    if kind in (int, float):
        try:
            return int(text) if kind is int else float(text)
        except ValueError as error:
            raise SettingsError(
                f"{variable} is not a number: '{text}'", f"set {variable} to a number"
            ) from error
    return text


def _is(value: object, kind: object) -> bool:
    """Whether a value read from JSON can become a field's."""
    if isinstance(kind, types.GenericAlias):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else int if kind is int else str)


def _nodes(texts: Iterable[str]) -> tuple[Node, ...]:
    try:
        return parse_nodes(texts)
    except NodeError as error:
        raise SettingsError(str(error), error.hint) from error


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known settings: {', '.join(sorted(known))}"


def _check(settings: ProxySettings) -> None:
    for name, allowed in (
        ("role", ROLES),
        ("mirror_agent", MIRROR_AGENTS),
        ("capture_responses", CAPTURE_RESPONSES),
        ("order", ORDERS),
    ):
        if getattr(settings, name) not in allowed:
            raise SettingsError(
                f"{name} is '{getattr(settings, name)}'", f"it is one of: {', '.join(allowed)}"
            )
    if not settings.nodes:
        raise SettingsError("no node is given", "name at least one node as HOST:PORT")
    if not settings.log_path.startswith("/") or settings.log_path.endswith("/"):
        raise SettingsError(f"log_path is not absolute: '{settings.log_path}'", "write it as /DIRECTORY/FILE")
    if not settings.log_path.isprintable():
        raise SettingsError(f"log_path is no name: {settings.log_path!r}", "use printable characters")
    if settings.spool_dir and not settings.spool_dir.startswith("/"):
        raise SettingsError(f"spool_dir is not absolute: '{settings.spool_dir}'", "write it as /DIRECTORY")
    if not settings.spool_dir.isprintable():
        raise SettingsError(f"spool_dir is no name: {settings.spool_dir!r}", "use printable characters")
    if settings.mirror_key and not _KEY.fullmatch(settings.mirror_key):
        # Without the key itself: this line is in `docker logs`.
        raise SettingsError(
            f"mirror_key is no key, with {len(settings.mirror_key)} characters",
            "it has 16 to 256 letters, digits and '.', '_', '~', '+', '/', '=', '-': `openssl rand -hex 32` prints one",
        )
    _check_offload(settings)
    for header in settings.redact_headers:
        if not _TOKEN.fullmatch(header):
            raise SettingsError(f"redact_headers: '{header}' is no header's name", "name headers without ':'")
    for part in settings.whole_answers:
        if not _PATH_PART.fullmatch(part):
            raise SettingsError(
                f"whole_answers: '{part}' is no part of a path", "name parts of paths, such as /_search"
            )
    if settings.mirror_agent == "spoa-mirror" and len(settings.mirror_to) > 1:
        raise SettingsError(
            "spoa-mirror sends to one shadow HAProxy only", "name one, or use --mirror-agent built-in"
        )
    for name, low, high in _RANGES:
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingsError(f"{name} is {value}", f"it is a number from {low} to {high}")
    if settings.log_total_bytes < 3 * settings.log_file_bytes:
        raise SettingsError(
            f"log_total_bytes is {settings.log_total_bytes}, log_file_bytes {settings.log_file_bytes}",
            "the total holds three files at least: the one being written, and one while it is compressed",
        )
    if settings.body_bytes < max(settings.bufsize, settings.prefix_bytes):
        raise SettingsError(
            f"body_bytes is {settings.body_bytes}, bufsize {settings.bufsize}, prefix_bytes {settings.prefix_bytes}",
            "make it at least as large as both: what fits HAProxy's buffer is recorded whole",
        )
    _check_addresses(settings)


def _check_offload(settings: ProxySettings) -> None:
    for name in settings.offload:
        if name not in OFFLOAD:
            raise SettingsError(f"offload: there is no '{name}'", f"it is one of: {', '.join(OFFLOAD)}")
        if settings.offload.count(name) > 1:
            raise SettingsError(f"offload: '{name}' is given twice", "name each once")
    for field, pattern, example in _OFFLOAD_TEXTS:
        value = getattr(settings, field)
        if value and not pattern.fullmatch(value):
            raise SettingsError(f"{field} can't be '{value}'", f"write it as {example}")
    if "s3" in settings.offload and not settings.s3_url:
        raise SettingsError("offload: s3_url is missing", "write it as s3://BUCKET/PREFIX")
    if 0 < settings.s3_bytes_per_s < _LEAST_BYTES_PER_S:
        raise SettingsError(
            f"s3_bytes_per_s is {settings.s3_bytes_per_s}",
            f"it is {_LEAST_BYTES_PER_S} at least (stores give up slower ones), or 0: no bound",
        )
    if settings.cloudwatch_retention_days not in RETENTION_DAYS:
        raise SettingsError(
            f"cloudwatch_retention_days is {settings.cloudwatch_retention_days}",
            f"the service knows: {', '.join(str(days) for days in RETENTION_DAYS)}",
        )


def _check_addresses(settings: ProxySettings) -> None:
    for kind, nodes in (("node", settings.nodes), ("shadow HAProxy", settings.mirror_to)):
        for node in nodes:
            if node.is_loopback and node.port == settings.port:
                raise SettingsError(
                    f"{kind} '{node}' is the proxy itself: it listens on port {settings.port} of its own loopback",
                    "name an address that the container can reach, or choose another internal port",
                )
            if nodes.count(node) > 1:
                raise SettingsError(f"{kind} '{node}' is given twice", "name each once")
    for node in settings.mirror_to:
        if node in settings.nodes:
            raise SettingsError(
                f"'{node}' is both a node and a shadow HAProxy: it would do everything twice",
                "mirror to the HAProxy in front of another cluster",
            )


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("port", 1, 65535),
    ("threads", 0, 64),
    ("bufsize", 16384, 16 * 1024 * 1024),
    ("ring_bytes", 1 << 20, 1 << 32),
    ("processing_timeout_ms", 1, 60_000),
    ("connect_timeout_s", 1, 3600),
    ("client_timeout_s", 1, 2_000_000),
    ("head_timeout_s", 1, 2_000_000),
    ("server_timeout_s", 1, 2_000_000),
    ("max_connections", 0, 1_000_000),
    ("drain_s", 1, 60),
    ("log_file_bytes", 64 * 1024, 1 << 40),
    ("log_total_bytes", 64 * 1024, 1 << 44),
    ("pending_bytes", 1 << 20, 1 << 36),
    ("mirror_connections", 1, 4096),
    ("mirror_queue_bytes", 1 << 20, 1 << 36),
    ("mirror_deadline_s", 0.1, 86_400),
    ("capture_queue_bytes", 1 << 20, 1 << 36),
    ("tee_memory_bytes", 1 << 20, 1 << 36),
    ("spool_bytes", 0, 1 << 44),
    ("body_bytes", 16384, 1 << 36),
    ("prefix_bytes", 1024, 1 << 20),
    # Any line can be made so short (offload/shortening.py); 1 MB less 26 bytes is what the service takes.
    ("cloudwatch_line_bytes", 16_384, 1_048_550),
    ("cloudwatch_flush_s", 1, 60),
    # Two files, each of some batches.
    ("cloudwatch_spool_bytes", 2 * 1024 * 1024, 1 << 44),
    ("s3_interval_s", 10, 86_400),
    ("s3_bytes_per_s", 0, 1 << 40),
    ("s3_keep_local_bytes", 0, 1 << 44),
)
