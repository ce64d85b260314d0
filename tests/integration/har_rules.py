"""What HAR 1.2 demands of an entry, written from its specification and not from our code or schema.

http://www.softwareishard.com/blog/har-12-spec/, section numbers do not exist there; headings are named.
"""

import re
from collections.abc import Iterator
from typing import Any

# Heading -> field -> (type, required). Numbers may have a fraction.
_NUMBER = (int, float)
_ENTRIES = {
    "startedDateTime": (str, True),
    "time": (_NUMBER, True),
    "request": (dict, True),
    "response": (dict, True),
    "cache": (dict, True),
    "timings": (dict, True),
    "pageref": (str, False),
    "serverIPAddress": (str, False),
    "connection": (str, False),
    "comment": (str, False),
}
_REQUEST = {
    "method": (str, True),
    "url": (str, True),
    "httpVersion": (str, True),
    "cookies": (list, True),
    "headers": (list, True),
    "queryString": (list, True),
    "postData": (dict, False),
    "headersSize": (int, True),
    "bodySize": (int, True),
    "comment": (str, False),
}
_RESPONSE = {
    "status": (int, True),
    "statusText": (str, True),
    "httpVersion": (str, True),
    "cookies": (list, True),
    "headers": (list, True),
    "content": (dict, True),
    "redirectURL": (str, True),
    "headersSize": (int, True),
    "bodySize": (int, True),
    "comment": (str, False),
}
_COOKIE = {"name": (str, True), "value": (str, True)}
_PAIR = {"name": (str, True), "value": (str, True), "comment": (str, False)}
_POST_DATA = {"mimeType": (str, True), "params": (list, True), "text": (str, True), "comment": (str, False)}
_CONTENT = {
    "size": (int, True),
    "compression": (int, False),
    "mimeType": (str, True),
    "text": (str, False),
    "encoding": (str, False),
    "comment": (str, False),
}
_TIMINGS = {
    "blocked": (_NUMBER, False),
    "dns": (_NUMBER, False),
    "connect": (_NUMBER, False),
    "send": (_NUMBER, True),
    "wait": (_NUMBER, True),
    "receive": (_NUMBER, True),
    "ssl": (_NUMBER, False),
    "comment": (str, False),
}

# ISO 8601 as the specification shows it: YYYY-MM-DDThh:mm:ss.sTZD.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)")
_ABSOLUTE_URL = re.compile(r"https?://[^/?#]*([/?][^#]*)?")


def violations(entry: dict[str, Any]) -> list[str]:
    """What is wrong with an entry, by HAR's own rules."""
    return list(_violations(entry))


def _violations(entry: dict[str, Any]) -> Iterator[str]:
    yield from _fields("entries", entry, _ENTRIES)
    request, response, timings = entry["request"], entry["response"], entry["timings"]
    yield from _fields("request", request, _REQUEST)
    yield from _fields("response", response, _RESPONSE)
    yield from _fields("timings", timings, _TIMINGS)
    yield from _fields("content", response["content"], _CONTENT)
    for message in (request, response):
        for cookie in message["cookies"]:
            yield from _fields("cookies", cookie, _COOKIE)
        for header in message["headers"]:
            yield from _fields("headers", header, _PAIR)
        for size in ("headersSize", "bodySize"):
            if message[size] < -1:
                yield f"{size}: {message[size]}"
    for pair in request["queryString"]:
        yield from _fields("queryString", pair, _PAIR)
    if "postData" in request:
        yield from _fields("postData", request["postData"], _POST_DATA)
        if request["postData"]["params"] and request["postData"]["text"]:
            yield "postData: text and params are mutually exclusive"
    if not _DATE_TIME.fullmatch(entry["startedDateTime"]):
        yield f"startedDateTime: {entry['startedDateTime']}"
    if not _ABSOLUTE_URL.fullmatch(request["url"]):
        yield f"url is not absolute, or has a fragment: {request['url']}"
    yield from _timings(entry["time"], timings)
    yield from _content(response)


def _timings(time: float, timings: dict[str, float]) -> Iterator[str]:
    for name in ("send", "wait", "receive"):
        if timings[name] < 0:
            yield f"timings: {name} must not be negative: {timings[name]}"
    for name in ("blocked", "dns", "connect", "ssl"):
        if timings.get(name, -1) < 0 and timings.get(name, -1) != -1:
            yield f"timings: {name} is neither -1 nor a time: {timings[name]}"
    # "ssl" is part of "connect".
    total = sum(timings[name] for name in timings if name != "ssl" and timings[name] != -1)
    if abs(time - total) > 0.0005:
        yield f"time is {time}, and the timings make {total}"


def _content(response: dict[str, Any]) -> Iterator[str]:
    content = response["content"]
    if content["size"] < 0:
        yield f"content: size {content['size']}"
    if "compression" in content and content["size"] - content["compression"] != response["bodySize"]:
        yield f"content: {content['size']} without {content['compression']} is not {response['bodySize']}"
    if "encoding" in content and "text" not in content:
        yield "content: an encoding of nothing"


def _fields(heading: str, value: dict[str, Any], known: dict[str, tuple[Any, bool]]) -> Iterator[str]:
    for name, (kind, required) in known.items():
        if name not in value:
            if required:
                yield f"{heading}: no {name}"
        elif not isinstance(value[name], kind) or isinstance(value[name], bool):
            yield f"{heading}: {name} is {value[name]!r}"
    for name in value:
        if name not in known and not name.startswith("_"):
            yield f"{heading}: {name} is not HAR's and does not start with an underscore"
