"""Reads lines of the capture log and holds them against the schema in the repository and against HAR's own rules."""

import base64
import datetime
import functools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).parent.parent / "record" / "schema" / "har_entry.schema.json"

Entry = dict[str, Any]


@functools.cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of a line."""
    read: Mapping[str, Any] = json.loads(SCHEMA.read_text())
    return read


@functools.cache
def _validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def read_line(line: bytes) -> Entry:
    """The entry in one line of the capture log.

    Raises:
        AssertionError: the line is not one whole line of strict JSON, or not as the schema or HAR 1.2 says.
    """
    assert line.endswith(b"\n"), "no line end"
    assert line.splitlines() == [line[:-1]], "a line break inside"
    entry: Entry = json.loads(line.decode(), parse_constant=_refuse, object_pairs_hook=_object)
    problems = [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(entry)]
    assert not problems, problems
    _check_rules(entry)
    return entry


def request_body(entry: Entry) -> bytes:
    """The bytes that ``postData`` stands for."""
    data = entry["request"].get("postData", {})
    return _bytes(data.get("text", ""), "_encoding" in data)


def response_body(entry: Entry) -> bytes:
    """The bytes that ``content`` stands for."""
    content = entry["response"]["content"]
    return _bytes(content.get("text", ""), "encoding" in content)


def fields(part: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The header fields of a request or an answer."""
    return [(field["name"], field["value"]) for field in part["headers"]]


def _bytes(text: str, encoded: bool) -> bytes:
    return base64.b64decode(text, validate=True) if encoded else text.encode()


def _check_rules(entry: Entry) -> None:
    """What HAR 1.2 says and a schema can't."""
    datetime.datetime.fromisoformat(entry["startedDateTime"])
    phases = {name: ms for name, ms in entry["timings"].items() if ms != -1 and name != "ssl"}
    assert math.isclose(entry["time"], math.fsum(phases.values()), rel_tol=1e-9, abs_tol=1e-6), (
        "time is no sum"
    )
    truncated, abridged = entry.get("_truncated", []), entry.get("_abridged", [])
    assert not set(truncated) & set(abridged), "cut, and all of it seen"
    content, data = entry["response"]["content"], entry["request"].get("postData", {})
    assert ("response" in abridged) == ("_sha256" in content)
    assert ("request" in abridged) == ("_sha256" in data)
    if "response" in abridged:
        assert len(response_body(entry)) < content["size"] == entry["response"]["bodySize"]
    elif "response" not in truncated:
        body = response_body(entry)
        assert content["size"] == len(body)
        if entry["response"]["bodySize"] >= 0:
            assert content["size"] - content.get("compression", 0) == entry["response"]["bodySize"]
    if "request" in abridged:
        assert len(request_body(entry)) < data["_size"] == entry["request"]["bodySize"]
    elif "request" not in truncated:
        assert data.get("_size", entry["request"]["bodySize"]) == len(request_body(entry))


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> Entry:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"repeated names: {names}"
    return dict(pairs)
