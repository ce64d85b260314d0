"""Requests of a web server of the summer of 1998, one index a day."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

DAYS = ("181998", "191998", "201998", "211998", "221998", "231998", "241998")
"""The days, each the name of an index after ``logs-``, as the official workload has them."""

# 1998-04-30T22:00:00Z, when the record of that world cup's site begins; a day of ours lasts five of theirs.
_BEGIN_S = 893973600
_DAY_S = 5 * 86400

_FOLDERS = ("images", "english", "french", "news", "teams", "history", "playing", "venues", "tickets")
_PAGES = (
    "index.html",
    "nav_bg_top.gif",
    "hm_bg.jpg",
    "team_hm_ita.gif",
    "comp_hm_bg.jpg",
    "splash_inet.html",
    "teambio172.htm",
)
_STATUSES, _SHARES = (200, 304, 404, 206, 302, 400, 500), (820, 150, 15, 8, 4, 2, 1)


def requests_by_day(rng: random.Random, size: int) -> dict[str, Iterator[dict[str, Any]]]:
    """``size`` requests, on each day as many as on any other, the first ones one more where they don't divide."""
    made: dict[str, Iterator[dict[str, Any]]] = {}
    for number, day in enumerate(DAYS):
        count = size // len(DAYS) + (number < size % len(DAYS))
        # A source of its own for each day: the files are written one after the other, or not all.
        made[day] = _requests(random.Random(rng.getrandbits(64)), _BEGIN_S + number * _DAY_S, count)  # noqa: S311
    return made


def _requests(rng: random.Random, begin_s: int, count: int) -> Iterator[dict[str, Any]]:
    visitors = [
        ".".join(str(rng.randint(1, 254)) for _ in range(3)) + ".0" for _ in range(max(5, count // 20))
    ]
    times = sorted(rng.randrange(_DAY_S) for _ in range(count))
    for time_s, visitor in zip(
        times, itertools.starmap(rng.choice, itertools.repeat((visitors,))), strict=False
    ):
        page = "/" if rng.random() < 0.08 else f"/{rng.choice(_FOLDERS)}/{rng.choice(_PAGES)}"
        status = rng.choices(_STATUSES, _SHARES)[0]
        yield {
            "@timestamp": begin_s + time_s,
            "clientip": visitor,
            "request": f"GET {page} HTTP/1.{rng.randint(0, 1)}",
            "status": status,
            "size": 0 if status == 304 else int(rng.lognormvariate(8, 1.5)),
        }
