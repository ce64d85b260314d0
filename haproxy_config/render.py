"""Renders the files of one proxy from the templates: HAProxy's configuration, the agent's, the tee's and the offload's."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import jinja2

from haproxy_config.setting import SettingsError
from haproxy_config.settings import ProxySettings
from service.haproxy_lines import end_log_format

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

# What ends or changes a word in HAProxy's configuration language (configuration manual, 2.2 "Quoting and escaping").
_MISREAD = frozenset(" \t\r\n#'\"\\$")

# HAProxy's largest time, 2^31 - 1 ms: "wait as long as the time-outs of a plain proxy let you".
_FOREVER = "24d"


def render_files(settings: ProxySettings, templates: Path = TEMPLATES) -> dict[str, str]:
    """Render every file that depends on ``settings``: file name -> text.

    Raises:
        SettingsError: a value that HAProxy would misread.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, no HTML
    )
    environment.filters["word"] = haproxy_word
    environment.filters["toml"] = _toml
    names = ["haproxy.cfg", "capture.spoe.cfg", "agent.toml", "tee.toml"]
    if settings.mirror_key:
        names.append(KEY_FILE)
    if settings.mirror_agent == "spoa-mirror" and settings.mirror_to:
        names += ["mirror.spoe.cfg", "spoa-mirror.env"]
    if settings.sinks:
        names.append("offload.toml")
    if "cloudwatch" in settings.offload:
        names += ["cloudwatch-agent.json", "common-config.toml"]
    values = _values(settings)
    return {name: environment.get_template(f"{name}.j2").render(values) for name in names}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write rendered files; the one with the key for its owner alone."""
    for name, text in files.items():
        path = folder / name
        if name == KEY_FILE:
            path.touch(mode=0o600)
        path.write_text(text, "utf-8")


def haproxy_word(value: object) -> str:
    """``value`` as one word of HAProxy's configuration.

    Raises:
        SettingsError: it has a character that HAProxy would read as something else.
    """
    text = str(value)
    if not text or not text.isprintable() or _MISREAD & set(text):
        raise SettingsError(
            f"HAProxy would misread {text!r}",
            "leave out spaces, quotes, '#', '$', backslashes and line breaks",
        )
    return text


def _values(settings: ProxySettings) -> dict[str, object]:
    built_in_mirror = settings.mirror_to if settings.mirror_agent == "built-in" else ()
    return {
        **{field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)},
        "servers": _servers(settings),
        "agent_mirror_to": [str(node) for node in built_in_mirror],
        "forever": _FOREVER,
        "end_log_format": end_log_format(),
        # HAProxy keeps this part of the buffer free for rewriting headers (its default, made explicit).
        "maxrewrite": _MAXREWRITE,
        "inline_bytes": settings.bufsize - _MAXREWRITE,
        "node_header": NODE_HEADER,
        "id_header": ID_HEADER,
        "key_header": KEY_HEADER,
        "key_file": KEY_FILE,
        "refused": KEY_REFUSED,
        "repeated_header": REPEATED_HEADER,
        "untrusted": UNTRUSTED,
        "perhaps": PERHAPS,
        "tee_connect_ms": _TEE_CONNECT_MS[settings.role],
        "tee_check_ms": _TEE_CHECK_MS[settings.role],
        "tee_check_every_ms": _TEE_CHECK_EVERY_MS[settings.role],
        **_line_bounds(settings.bufsize),
        "tee_spool_dir": settings.spool_dir or str(Path(settings.log_path).parent),
        # On the log's volume, so that it survives the container as the log does.
        "offload_dir": str(_offload_dir(settings)),
        "sinks": settings.sinks,
        # Each sink's own file there, which says up to which rotated file it has everything (agent/offloaded.py): no file is removed before
        # that. And none is removed for that where only lines are sent on.
        "offload_ledgers": [str(_offload_dir(settings) / f"{name}.json") for name in settings.sinks]
        if "s3" in settings.sinks
        else [],
        "log_interval_s": settings.s3_interval_s if "s3" in settings.sinks else 0,
        "credentials_profile": _CREDENTIALS_PROFILE,
        "credentials_file": _CREDENTIALS_FILE,
        "cloudwatch_group": settings.cloudwatch_log_group or f"/cluster-traffic-capture/{settings.role}",
        # The rest is for what is on its way and for the mirror, whatever the log's disk does.
        "long_queue_bytes": _long_queue_bytes(settings),
        "room_wait_s": _ROOM_WAIT_S[settings.role],
    }


def _long_queue_bytes(settings: ProxySettings) -> int:
    memory, spool = settings.tee_memory_bytes, settings.spool_bytes
    # The second: half of the memory stays where the agent was told that it is, and lines that wait must not have all of it.
    return min((memory + spool) * 3 // 4, spool + memory // 4)


def _offload_dir(settings: ProxySettings) -> Path:
    return Path(settings.log_path).with_suffix(".offload")


_MAXREWRITE = 1024

# What offload/credentials.py writes.
_CREDENTIALS_FILE = "/dev/shm/offload/credentials"  # noqa: S108 - Docker mounts a tmpfs there, which ends with the container
_CREDENTIALS_PROFILE = "AmazonCloudWatchAgent"

NODE_HEADER = "x-cluster-traffic-capture-node"
"""Between HAProxy's two sections around the tee: which node answered. Clients and nodes never see it; agent/copied.py reads it."""

ID_HEADER = "x-capture-id"
"""From the mirror to the shadow's proxy: the primary's identifier of the request (agent/mirrored.py)."""
KEY_HEADER = "x-capture-key"
"""From the mirror to the shadow's proxy: the key that makes it believe the identifier. Back, where it does not: `KEY_REFUSED`."""
REPEATED_HEADER = "x-capture-repeated"
"""From the mirror to the shadow's proxy: it may have sent the request before."""
KEY_REFUSED = "refused"
KEY_FILE = "mirror.key"
"""The one rendered file that holds the key; HAProxy and the agent read it beside their configuration."""
UNTRUSTED = "untrusted"
"""In the place of the primary's identifier: somebody named one who may not (agent/primary_ids.py)."""
PERHAPS = "perhaps"
"""Behind it: the request may have been sent before."""

# How long a request waits for a tee that does not answer, and a health check. Behind the shadow's proxy nobody waits but the mirror, and its tee may be
# slow only because everybody else has the cores.
_TEE_CONNECT_MS = {"primary": 250, "shadow": 5000}
_TEE_CHECK_MS = {"primary": 200, "shadow": 2000}

# How often its health is looked at; the check's handshake may take as long too (`tcpcheck_eval_connect`).
_TEE_CHECK_EVERY_MS = {"primary": 500, "shadow": 2000}

# The primary's clients shall not feel the capture's disk, but for a moment in a body for which memory has no room: without it the shadow would lack that
# request. The shadow's mirror can wait, and has the primary's spool behind it.
_ROOM_WAIT_S = {"primary": 0.1, "shadow": 10.0}

# HAProxy's longest log line ("len" of the "log" directive).
_LINE_BYTES = 65535


def _line_bounds(bufsize: int) -> dict[str, int]:
    """How long each part of a transaction may be to travel in its line, in bytes before base64.

    Together they fit the longest line; each one fits a buffer once it is base64 (HAProxy converts in a buffer of that size).
    """
    one = (bufsize - _MAXREWRITE) * 3 // 4
    bounds = {"url": 4000, "headers": 8000, "request_body": 12_000, "response_body": 15_000}
    # The headers twice; 1,000 bytes for all other fields.
    assert (sum(bounds.values()) + bounds["headers"]) * 4 // 3 + 1000 <= _LINE_BYTES
    return {
        "line_bytes": _LINE_BYTES,
        **{f"line_{name}_bytes": min(bound, one) for name, bound in bounds.items()},
    }


def _servers(settings: ProxySettings) -> list[dict[str, object]]:
    return [
        {"name": f"node{number}", "address": str(node), "resolve": not node.is_ip}
        for number, node in enumerate(settings.nodes, start=1)
    ]


def _toml(value: object) -> str:
    """A number, a string or a list as TOML: as in JSON, but for characters that TOML wants as they are, or not at all."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
