"""Questions of a site where programmers ask programmers, each with its answers as nested documents."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

TAGS = (
    "java", "javascript", "python", "c#", "php", "android", "jquery", "html", "sql", "ios", "css", "c++", "mysql", "ruby", "node.js",
    "linux", "bash", "git", "regex", "json", "elasticsearch", "docker", "swift", "performance",
)  # fmt: skip

_VERBS = (
    "parse",
    "sort",
    "iterate over",
    "serialize",
    "compile",
    "mock",
    "cache",
    "debug",
    "merge",
    "render",
    "validate",
    "index",
)
_THINGS = (
    "a list of objects", "nested JSON", "a large file", "dates in UTC", "an HTTP request", "a foreign key", "unicode strings",
    "a background thread", "a regular expression", "an XML document", "two branches", "a table with 10 million rows",
)  # fmt: skip
_ENDS = (
    "without a loop",
    "in one line",
    "that fails at times",
    "efficiently",
    "on Windows",
    "with a timeout",
    "in a unit test",
)
_FIRST = datetime(2008, 8, 1, tzinfo=UTC)
_SPAN_S = 8 * 365 * 86400


def questions(rng: random.Random, size: int) -> Iterator[dict[str, Any]]:
    """``size`` questions, each with a ``qid`` of its own."""
    qid = 10_000_000
    for _ in range(size):
        qid += rng.randint(1, 9)
        asked = _FIRST + timedelta(seconds=rng.randrange(_SPAN_S))
        yield {
            "qid": str(qid),
            "title": f"How to {rng.choice(_VERBS)} {rng.choice(_THINGS)} {rng.choice(_ENDS)}?",
            "creationDate": _stamp(asked),
            "user": _user(rng),
            "tag": rng.sample(TAGS, rng.randint(1, 4)),
            "type": "question",
            "answers": [
                {
                    "user": _user(rng),
                    "date": _stamp(asked + timedelta(seconds=int(rng.expovariate(1 / 90_000)))),
                }
                for _ in range(min(30, int(rng.expovariate(1 / 2))))
            ],
        }


def _user(rng: random.Random) -> str:
    return f"{rng.choice(('Ada', 'Alan', 'Grace', 'Ken', 'Barbara', 'Edsger'))} {rng.randint(1, 4000)} ({rng.randint(10**5, 10**7)})"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
