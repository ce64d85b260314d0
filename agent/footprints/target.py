"""A request target taken apart as Elasticsearch does (`RestUtils`, `PathTrie`). No I/O."""

import re
from typing import Final, NamedTuple

_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
# Both part the query's parameters (RestUtils.decodeQueryString).
_PARTED: Final = re.compile(rb"[&;]")

# More parameters than Elasticsearch has are nobody's.
_MOST_PARAMETERS: Final = 256


class Target(NamedTuple):
    """The parts of a request target."""

    segments: list[bytes]
    """Between the path's slashes, still percent-encoded; an empty last one is left out."""
    parameters: dict[bytes, bytes]
    """The query's, decoded; of a repeated one the last, as in Elasticsearch."""


def parse_target(target: bytes) -> Target:
    """Take apart a target in origin-form, absolute-form (also as HTTP/2 has it) or asterisk-form (RFC 9112 3.2)."""
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/"):
        scheme = _SCHEME.match(path)
        if scheme is not None:
            path = path[scheme.end() :] or b"/"
    segments = path.split(b"/")
    if segments[0] == b"":
        del segments[0]
    if segments and segments[-1] == b"":
        del segments[-1]
    return Target(segments, _parameters(query) if query else {})


def unescaped(text: bytes) -> bytes:
    """Percent-decoded; a broken escape stays as it is."""
    return _ESCAPE.sub(_byte, text) if b"%" in text else text


def _byte(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape.group(1), 16),))


def _parameters(query: bytes) -> dict[bytes, bytes]:
    parameters = {}
    for part in _PARTED.split(query, _MOST_PARAMETERS)[:_MOST_PARAMETERS]:
        name, _, value = part.partition(b"=")
        parameters[unescaped(name.replace(b"+", b" "))] = unescaped(value.replace(b"+", b" "))
    return parameters
