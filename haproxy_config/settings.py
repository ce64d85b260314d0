"""The table of settings: all that the rendered files depend on, as one frozen object with two other forms, JSON and environment."""

import dataclasses
import difflib
import json
import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from haproxy_config.nodes import Node, NodeError, parse_nodes
from haproxy_config.setting import SettingsError, setting, setting_of

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

# Words of HAProxy's and values of fields alike.
_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")

_URL = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]+(?:/[A-Za-z0-9._~/-]*)?")
_URL_EXAMPLE = "https://HOST, or https://HOST:PORT"

_KIB = 1024
_MIB = 1024 * _KIB
_GIB = 1024 * _MIB

# HAProxy's times end at 2^31 ms, 24 days.
_HAPROXY_SECONDS = (1, 2_000_000)

# A store closes a connection on which nothing comes for some 20 s.
_LEAST_BYTES_PER_S = 16384

ROLES = ("primary", "shadow")
MIRROR_AGENTS = ("built-in", "spoa-mirror")
CAPTURE_RESPONSES = ("needed", "whole")
ORDERS = ("write-sets", "writes", "strict", "none")
OFFLOAD = ("cloudwatch", "s3")
"""Where the capture can go besides its log: the names in `offload.sinks.SINKS`."""


@dataclass(frozen=True)
class ProxySettings:
    """One proxy. Every field can be given to a container as ``CAPTURE_<FIELD>`` (``mirror_to``: ``CAPTURE_SHADOW_HAPROXY``).

    Lists are separated by spaces or commas in the environment. Sizes are bytes. ``docs/settings.md`` is made from this table
    (`haproxy_config.settings_page`).
    """

    role: str = setting(
        MISSING, "Which cluster stands behind this proxy: `primary` or `shadow`.", one_of=ROLES
    )
    nodes: tuple[Node, ...] = setting(
        MISSING,
        "The cluster's nodes, each HOST:PORT (IPv6: [ADDRESS]:PORT). HAProxy takes them in turn.",
    )
    mirror_to: tuple[Node, ...] = setting(
        (), "The shadow's HAProxy, or several, each HOST:PORT. Empty: nothing is mirrored."
    )
    port: int = setting(9200, "The port that HAProxy listens on in its container.", between=(1, 65535))
    mirror_agent: str = setting(
        "built-in",
        "What mirrors: `built-in`, or `spoa-mirror`, HAProxy's own agent, whose binary the image then holds.",
        one_of=MIRROR_AGENTS,
    )

    threads: int = setting(
        0,
        "HAProxy's threads for clients, and as many again for what comes from the tee. "
        "0: half as many as there are cores, 4 at most.",
        between=(0, 64),
    )
    bufsize: int = setting(
        65536,
        "HAProxy's buffer (`tune.bufsize`). An answer that fits it is captured whole without the tee. "
        "Each connection costs more memory with a larger one.",
        between=(16384, 16 * _MIB),
    )
    ring_bytes: int = setting(
        64 * _MIB,
        "Memory of HAProxy's for transactions that are over and that the agent has not read yet. "
        "Beyond it they are lost, and counted.",
        between=(_MIB, 4 * _GIB),
    )
    processing_timeout_ms: int = setting(
        50,
        "How long an answer of 15 to 63 KB may wait for the agent before HAProxy passes it on regardless.",
        between=(1, 60_000),
    )
    connect_timeout_s: int = setting(
        5,
        "How long HAProxy waits for a connection to a node before it tries again, or the next node.",
        between=(1, 3600),
    )
    client_timeout_s: int = setting(
        3600, "How long a client may be silent (HAProxy's `timeout client`).", between=_HAPROXY_SECONDS
    )
    head_timeout_s: int = setting(
        3600,
        "How long a client may take for the head of one request in all. Nodes have no such bound; "
        "an honest client never comes near this one.",
        between=_HAPROXY_SECONDS,
    )
    server_timeout_s: int = setting(
        3600,
        "How long a node may be silent while it works on a request (HAProxy's `timeout server`).",
        between=_HAPROXY_SECONDS,
    )
    max_connections: int = setting(
        0,
        "Clients that may be connected at once. More of them wait in the kernel's queue. 0: what half of the "
        "container's memory and its descriptors allow; the container says on its start how many that is.",
        between=(0, 1_000_000),
    )
    drain_s: int = setting(
        4,
        "How long a stopping proxy waits for requests under way, and then again for the rest of mirroring and "
        "writing. With more than 4 give `docker stop` more than its 10 s.",
        between=(1, 60),
    )

    log_path: str = setting(
        "/var/log/haproxy-traffic.log", "The capture log, in a directory that the container may write to."
    )
    log_file_bytes: int = setting(
        256 * _MIB, "The capture log is rotated when it reaches this size.", between=(64 * _KIB, 1024 * _GIB)
    )
    log_total_bytes: int = setting(
        4 * _GIB,
        "The oldest rotated files are removed so that all of them stay below this size. "
        "It is at least three times `CAPTURE_LOG_FILE_BYTES`.",
        between=(64 * _KIB, 16384 * _GIB),
    )
    redact_headers: tuple[str, ...] = setting(
        (
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
        ),
        "Headers whose values are not written to the capture log: those that HTTP, AWS, Elasticsearch and "
        "OpenSearch have for credentials. Empty: everything is written.",
        # A field name of HTTP (RFC 9110 5.1).
        pattern=re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"),
        example="names of headers, without ':'",
    )

    capture_responses: str = setting(
        "needed",
        "`needed`: the answers of the requests that `CAPTURE_WHOLE_ANSWERS` names are captured whatever their "
        "length, others as far as they fit HAProxy's buffer. `whole`: all answers are, and every request goes "
        "through the tee.",
        one_of=CAPTURE_RESPONSES,
    )
    whole_answers: tuple[str, ...] = setting(
        ("/_bulk", "/_msearch", "/_mget", "/_search/scroll", "/_pit", "/_search/point_in_time"),
        "A request whose path has one of these in it has its answer captured whole. So has each request with a "
        "`scroll` parameter.",
        # What a path may consist of (RFC 3986 3.3).
        pattern=re.compile(r"[A-Za-z0-9._~!$&()*+,;=:@%/-]+"),
        example="parts of paths, such as /_search",
    )
    pending_bytes: int = setting(
        64 * _MIB,
        "Memory for requests whose answers are awaited. Beyond it the oldest are ended as unanswered. As much "
        "again for transactions that wait for the tee's copies, and for copies whose clients are still reading.",
        between=(_MIB, 64 * _GIB),
    )
    order: str = setting(
        "write-sets",
        "Which of the requests that its client may have had the answers to a mirrored request waits for. "
        "`write-sets`: writes to what it reads or writes. `writes`: all writes. `strict`: all requests. "
        "`none`: nothing. [The order](order.md).",
        one_of=ORDERS,
    )
    mirror_connections: int = setting(
        1024,
        "Connections to each shadow HAProxy at most: so many requests are under way there at once.",
        between=(1, 4096),
    )
    mirror_queue_bytes: int = setting(
        256 * _MIB,
        "Memory for requests that wait for the shadow. A large one, whose body the tee keeps, counts with its "
        "headers and 2 KiB. Beyond it requests are not mirrored, and counted.",
        between=(_MIB, 64 * _GIB),
    )
    mirror_key: str = setting(
        "",
        "The key that both proxies share: the shadow's proxy takes a record's identifier only from a request "
        "that shows it. Better in a file: `CAPTURE_MIRROR_KEY_FILE` names it. Empty: the shadow believes nobody.",
        secret=True,
    )
    mirror_deadline_s: float = setting(
        300.0, "How long the shadow may take to answer one request.", between=(0.1, 86_400)
    )
    capture_queue_bytes: int = setting(
        256 * _MIB,
        "Memory for lines that wait to be written. Beyond it lines are dropped, and counted.",
        between=(_MIB, 64 * _GIB),
    )
    body_bytes: int = setting(
        16 * _MIB,
        "A body up to this size is in the log whole, as sent and decoded. It is at least `CAPTURE_BUFSIZE` and "
        "`CAPTURE_PREFIX_BYTES`.",
        between=(16384, 64 * _GIB),
    )
    prefix_bytes: int = setting(
        64 * _KIB,
        "Of a longer body the log has so many of its first bytes, its size, and the SHA-256 of all of it.",
        between=(1024, _MIB),
    )

    tee_memory_bytes: int = setting(
        256 * _MIB,
        "Memory for copies that wait for the agent, the shadow or the log's disk, and 2 KiB for each. From half "
        "of it on they move to the spool.",
        between=(_MIB, 64 * _GIB),
    )
    spool_bytes: int = setting(
        4 * _GIB,
        "The spool file's size at most. Beyond both bounds copies are given up, and counted. 0: there is no "
        "spool. Lines with long bodies that wait for the disk may hold three quarters of both; beyond it they "
        "are written without these, and counted.",
        between=(0, 16384 * _GIB),
    )
    spool_dir: str = setting(
        "", "Directory of the spool file, which has no name in it. Empty: the capture log's."
    )

    offload: tuple[str, ...] = setting(
        (), "Where the capture goes besides its log: `cloudwatch`, `s3`, or both. [More](offload.md)."
    )
    offload_region: str = setting(
        "",
        "The AWS region. Empty: what `AWS_REGION`, a profile or the machine's own region say.",
        pattern=re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+"),
        example="eu-central-1",
    )
    cloudwatch_log_group: str = setting(
        "",
        "Log group of CloudWatch Logs. Empty: `/cluster-traffic-capture/` and the role.",
        # CreateLogGroup of CloudWatch Logs.
        pattern=re.compile(r"[A-Za-z0-9_/.#-]{1,512}"),
        example="/cluster-traffic-capture/primary",
    )
    cloudwatch_log_stream: str = setting(
        "{local_hostname}",
        "Log stream. The CloudWatch Agent puts the container's name for itself in place of `{local_hostname}`.",
        # CreateLogStream of CloudWatch Logs: no ':' and no '*'.
        pattern=re.compile(r"(?:[A-Za-z0-9_/.#@-]|\{(?:local_)?hostname\}|\{ip_address\}|\{instance_id\})+"),
        example="{local_hostname}, or a name",
    )
    cloudwatch_retention_days: int = setting(
        0,
        "After so many days the service forgets what it was sent. 0: as the log group is set.",
        # PutRetentionPolicy of CloudWatch Logs.
        one_of=(
            *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
            *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
        ),
    )
    cloudwatch_endpoint: str = setting(
        "",
        "URL of CloudWatch Logs, where that is another than the region's: a private endpoint.",
        pattern=_URL,
        example=_URL_EXAMPLE,
    )
    cloudwatch_line_bytes: int = setting(
        262_000,
        "Longer lines are sent with shortened bodies. The CloudWatch Agent cuts lines at 262,118 bytes; newer "
        "ones may take 1 MB.",
        # Any line can be made so short (offload/shortening.py); 1 MB less 26 bytes is what the service takes.
        between=(16_384, 1_048_550),
    )
    cloudwatch_flush_s: int = setting(
        5, "How long the CloudWatch Agent gathers lines before it sends them.", between=(1, 60)
    )
    cloudwatch_spool_bytes: int = setting(
        128 * _MIB,
        "Disk for the files beside the log that the CloudWatch Agent follows. What it has not sent beyond that "
        "waits in the capture log, as far as `CAPTURE_LOG_TOTAL_BYTES` goes. What is removed before it was "
        "sent is counted.",
        # Two files, each of some batches.
        between=(2 * _MIB, 16384 * _GIB),
    )

    s3_url: str = setting(
        "",
        "Where rotated files of the capture log go: `s3://BUCKET/PREFIX`. Where it is given, "
        "`CAPTURE_OFFLOAD` need not name `s3`. [More](offload-s3.md).",
        # Bucket naming rules of Amazon S3, and capitals and underscores of older buckets and other stores.
        pattern=re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](?:/[A-Za-z0-9!_.*'()=/-]*)?"),
        example="s3://BUCKET/PREFIX",
    )
    s3_endpoint: str = setting(
        "",
        "URL of the store, where that is another than the region's: a private endpoint, or another maker's store.",
        pattern=_URL,
        example=_URL_EXAMPLE,
    )
    s3_host: str = setting(
        "",
        "The part of the objects' names that says whose capture it is. Empty: the container's host name.",
        pattern=re.compile(r"[A-Za-z0-9!_.*'()=-]{1,253}"),
        example="a name of letters, digits, '.', '-' and '_'",
    )
    s3_interval_s: int = setting(
        3600,
        "With S3 the log is also rotated, and so uploaded, when the clock passes a multiple of so many seconds "
        "(3600: at the full hours).",
        between=(10, 86_400),
    )
    s3_bytes_per_s: int = setting(
        8 * _MIB, "Bandwidth of the upload at most, 16,384 at least. 0: no bound.", between=(0, 1024 * _GIB)
    )
    s3_keep_local_bytes: int = setting(
        0,
        "Of the files that are verified to be in the store, the newest stay here too, up to so many bytes.",
        between=(0, 16384 * _GIB),
    )
    s3_storage_class: str = setting(
        "",
        "Storage class of the objects. Empty: the bucket's.",
        pattern=re.compile(r"[A-Z][A-Z0-9_]+"),
        example="STANDARD_IA",
    )
    s3_kms_key: str = setting(
        "",
        "Key of the key management service that the objects are encrypted with. Empty: as the bucket is set.",
        pattern=re.compile(r"[A-Za-z0-9:/_-]{1,2048}"),
        example="the key's id, its ARN, or alias/NAME",
    )

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names in `OFFLOAD`: where the capture goes besides its log."""
        return tuple(name for name in OFFLOAD if name in self.offload or (name == "s3" and self.s3_url))

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """The settings as JSON text, which `from_json` reads; without the key."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del values["mirror_key"]  # it has a file of its own (`haproxy_config.render.KEY_FILE`)
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
    for field in dataclasses.fields(settings):
        setting_of(field).check(field.name, getattr(settings, field.name))
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
    if settings.mirror_agent == "spoa-mirror" and len(settings.mirror_to) > 1:
        raise SettingsError(
            "spoa-mirror sends to one shadow HAProxy only", "name one, or use --mirror-agent built-in"
        )
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
    if "s3" in settings.offload and not settings.s3_url:
        raise SettingsError("offload: s3_url is missing", "write it as s3://BUCKET/PREFIX")
    if 0 < settings.s3_bytes_per_s < _LEAST_BYTES_PER_S:
        raise SettingsError(
            f"s3_bytes_per_s is {settings.s3_bytes_per_s}",
            f"it is {_LEAST_BYTES_PER_S} at least (stores give up slower ones), or 0: no bound",
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
