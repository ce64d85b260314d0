"""Lines that are too long for CloudWatch Logs, shortened: bodies by their beginnings, marked as the capture log marks such bodies.

docs/capture-format.md, "What is not written as it was": a shortened body has ``_abridged``, its size and the SHA-256 of what was sent. Where
that is not known (its content coding was undone, or it was cut already) it is ``_truncated``. The line stays valid HAR.
"""

import json
from collections.abc import Iterable
from typing import Any

from offload.line_scan import Digest, NotJsonError, Whole, scan, whole_of, whole_units
from record.json_string import escape_slowly

LEAST_LINE_BYTES = 16_384
"""Any line fits into so much."""

# What marks and sizes may add to a line.
_MARKS_BYTES = 400

_MESSAGES = ("request", "response")

# Of one character, at most.
_ESCAPE_BYTES = 6

# Where even headers and URL are too long: every string of them is cut to so many bytes, one try after the other.
_TRIES_BYTES = (8192, 2048, 512, 128, 32)

_LISTS = ("headers", "queryString")


def shorten(parts: Iterable[bytes], most_bytes: int) -> bytes:
    """The line that comes in ``parts``, without its end, in at most so many bytes (`LEAST_LINE_BYTES` or more).

    Raises:
        NotJsonError: it is no line of the capture log.
    """
    entry = scan(parts, most_bytes)
    if not (isinstance(entry, dict) and all(isinstance(entry.get(name), dict) for name in _MESSAGES)):
        raise NotJsonError("no entry")
    try:
        return _fitted(entry, most_bytes)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise NotJsonError(f"no entry: {error!r}") from error


def _fitted(entry: dict[str, Any], most_bytes: int) -> bytes:
    bodies = {name: _body(entry, name) for name in _MESSAGES}
    texts = {name: body.get("text", "") for name, body in bodies.items()}
    for body in bodies.values():
        if "text" in body:
            body["text"] = ""
    room = most_bytes - len(_dumped(entry)) - _MARKS_BYTES
    if room < 0:
        _cut_strings(entry, most_bytes - _MARKS_BYTES)
        room = most_bytes - len(_dumped(entry)) - _MARKS_BYTES
    shares = _shares({name: _escaped_bytes(text) for name, text in texts.items()}, max(room, 0))
    for name, body in bodies.items():
        if "text" in body:
            _put(entry, name, body, texts[name], shares[name])
    return _dumped(entry)


def _body(entry: dict[str, Any], message: str) -> dict[str, Any]:
    body: dict[str, Any] = (
        entry["request"].get("postData", {}) if message == "request" else entry["response"]["content"]
    )
    return body


def _shares(wanted: dict[str, int], room: int) -> dict[str, int]:
    """The shorter body is shown whole when it needs no more than half of the room; the other gets the rest."""
    shorter, longer = sorted(wanted, key=lambda name: wanted[name])
    first = min(wanted[shorter], room // 2)
    return {shorter: first, longer: min(wanted[longer], room - first)}


def _put(entry: dict[str, Any], message: str, body: dict[str, Any], text: str, room: int) -> None:
    whole = whole_of(text)
    if whole is None and _escaped_bytes(text) <= room:
        body["text"] = text
        return
    base64 = "_encoding" in body or "encoding" in body
    body["text"] = _beginning(text, room, base64=base64)
    if message in entry.get("_truncated", ()):
        # Nobody saw the whole of it.
        return
    if "_sha256" not in body:
        # "compression", and "_size" of a request: it is shown decoded, and was sent as something else.
        if "compression" in body or "_size" in body:
            _mark(entry, "_truncated", message)
            return
        known = whole or _whole(text)
        size, digest = (
            (known.base64_bytes, known.base64_sha256) if base64 else (known.utf8_bytes, known.utf8_sha256)
        )
        if not digest:
            _mark(entry, "_truncated", message)
            return
        if message == "request":
            body["_size"] = size
        body["_sha256"] = digest
    _mark(entry, "_abridged", message)


def _whole(text: str) -> Whole:
    digest = Digest()
    digest.take(text.encode("utf-8", "surrogatepass"))
    return digest.whole()


def _beginning(text: str, room: int, *, base64: bool) -> str:
    if base64:
        used = min(room, len(text))
        return text[: used - used % 4]
    return _cut(text[:room], room)


def _cut(text: str, room: int) -> str:
    """What fits of ``text`` when it is escaped."""
    cut: str = json.loads(b'"' + whole_units(_escaped(text)[:room]) + b'"')
    return cut


def _mark(entry: dict[str, Any], field: str, message: str) -> None:
    marked = {*entry.get(field, ()), message}
    entry[field] = [name for name in _MESSAGES if name in marked]


def _cut_strings(entry: dict[str, Any], most_bytes: int) -> None:
    """Headers, parameters and URLs that are too long together: each of them in part, in the end none of the lists."""
    for most in _TRIES_BYTES:
        for message in _MESSAGES:
            if _cut_inside(entry[message], most):
                _mark(entry, "_truncated", message)
        if len(_dumped(entry)) <= most_bytes:
            break
    else:
        for message in _MESSAGES:
            for name in _LISTS:
                if entry[message].get(name):
                    entry[message][name] = []
                    _mark(entry, "_truncated", message)
    # What is recorded in part is not abridged.
    abridged = [name for name in entry.get("_abridged", ()) if name not in entry.get("_truncated", ())]
    entry.pop("_abridged", None)
    if abridged:
        entry["_abridged"] = abridged


def _cut_inside(value: Any, most: int) -> bool:
    """Cut the strings in ``value``, an object or a list; whether there was one to cut."""
    changed = False
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(item, str):
            if _ESCAPE_BYTES * len(item) <= most and whole_of(item) is None:
                # There may be tens of thousands, of a character each.
                continue
            cut = _cut(item[:most], most)
            if len(cut) < len(item) or whole_of(item) is not None:
                value[key] = cut
                changed = True
        elif isinstance(item, dict | list):
            changed = _cut_inside(item, most) or changed
    return changed


def _escaped(text: str) -> bytes:
    # A lone surrogate can't be in a line of ours; in another one it is shown as "?".
    return escape_slowly(text.encode("utf-8", "replace").decode())


def _escaped_bytes(text: str) -> int:
    return len(_escaped(text))


def _dumped(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
