"""Reads what the demo shows of both capture logs; takes and returns values, no I/O."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Entry = Mapping[str, Any]
"""A line of a capture log: a HAR entry (docs/capture-format.md)."""

_SHORT = 160


@dataclass(frozen=True)
class Answer:
    """What a cluster answered to a request."""

    status: int
    body: str


def parse_log(text: bytes) -> list[Entry]:
    """The lines of a log, without a last one that is still being written."""
    return [json.loads(line) for line in text.split(b"\n")[:-1]]


def answer_of(entry: Entry) -> Answer:
    """The answer in a line."""
    response = entry["response"]
    return Answer(response["status"], response["content"].get("text", ""))


def newest(entries: Sequence[Entry], seen: int, method: str, target: str) -> Entry | None:
    """The newest entry of this request beyond the first ``seen`` ones."""
    for entry in reversed(entries[seen:]):
        request = entry["request"]
        path = request["url"].removeprefix("http://").partition("/")[2]
        if request["method"] == method and f"/{path}" == (target or "/"):
            return entry
    return None


def with_id(entries: Sequence[Entry], identifier: str) -> Entry | None:
    """The entry of this transaction."""
    return next((entry for entry in reversed(entries) if entry["_id"] == identifier), None)


def behind_ms(primary: Entry, shadow: Entry) -> float:
    """How much later than the primary the shadow had begun a request, in ms."""
    begun = [datetime.fromisoformat(entry["startedDateTime"]) for entry in (primary, shadow)]
    return (begun[1] - begun[0]).total_seconds() * 1000


def short(entry: Entry) -> str:
    """An entry as pretty-printed JSON without headers and what else is long."""
    request, response = entry["request"], entry["response"]
    shown: dict[str, Any] = {
        "_id": entry["_id"],
        "_cluster": entry["_cluster"],
        "startedDateTime": entry["startedDateTime"],
        "time": entry["time"],
        "request": {"method": request["method"], "url": request["url"]},
        "response": {"status": response["status"]},
    }
    if "postData" in request:
        shown["request"]["postData"] = {"text": _cut(request["postData"]["text"])}
    if "text" in response["content"]:
        shown["response"]["content"] = {"text": _cut(response["content"]["text"])}
    return json.dumps(shown, indent=2, ensure_ascii=False)


def summary(primary: Mapping[str, int], shadow: Mapping[str, int], lag_ms: float) -> str:
    """One line on both proxies' counters (``capture-status``)."""
    return (
        f"Captured: {_transactions(primary['captured'])} at the primary, {shadow['captured']} at the shadow. "
        f"Mirrored: {primary['mirrored']} of {primary['captured']}. "
        f"The shadow is {primary['waiting_for_shadow']} requests behind; it got the last one {lag_ms:.1f} ms after the primary."
    )


def _transactions(count: int) -> str:
    return "1 transaction" if count == 1 else f"{count} transactions"


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}..."
