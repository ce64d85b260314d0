"""Sends what the plans say, each client one request after the other."""

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.e2e.ordering.plan import Plan
from tests.e2e.ordering.steps import Step

CASE_HEADER, STEP_HEADER = "x-case", "x-step"
"""Headers by which the logs' entries are found."""
_CONNECTIONS = 2
_ANSWER_S = 120


@dataclass(frozen=True)
class Load:
    """How much, and how fast. A client goes on until both `requests` and `seconds` are reached."""

    seconds: float
    requests: int
    think_s: float
    """A client waits for up to so long before each request, mostly much shorter: a quarter of it on average."""


def run_clients(address: tuple[str, int], case: str, plans: Sequence[Plan], load: Load) -> list[list[Step]]:
    """What each client has sent and been answered.

    Raises:
        OSError, http.client.HTTPException: a request got no answer.
    """
    end = time.monotonic() + load.seconds
    broken = threading.Event()

    def run(client: int) -> list[Step]:
        pauses = random.Random(1000 + client)
        connections = [http.client.HTTPConnection(*address, timeout=_ANSWER_S) for _ in range(_CONNECTIONS)]
        plan, steps = plans[client], plans[client].steps()
        done: list[Step] = []
        try:
            for connection in itertools.cycle(connections):
                if len(done) >= load.requests and time.monotonic() >= end:
                    break
                if broken.wait(pauses.random() ** 3 * load.think_s):
                    break
                step = next(steps)
                plan.answered(
                    step,
                    *_exchange(connection, step, {CASE_HEADER: case, STEP_HEADER: f"{client}/{step.number}"}),
                )
                done.append(step)
        except BaseException:
            broken.set()
            raise
        finally:
            for connection in connections:
                connection.close()
        return done

    with ThreadPoolExecutor(len(plans)) as threads:
        return list(threads.map(run, range(len(plans))))


def _exchange(connection: http.client.HTTPConnection, step: Step, headers: dict[str, str]) -> tuple[int, Any]:
    bulk = step.kind == "bulk"
    headers["content-type"] = "application/x-ndjson" if bulk else "application/json"
    connection.request(step.method, step.path, step.body or None, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())
