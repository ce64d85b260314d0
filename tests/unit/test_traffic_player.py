"""The open loop, in virtual time: when requests are sent, and what counts as their latency."""

import asyncio
from collections.abc import Callable

import pytest

from tests.unit.virtual_time import run_virtually
from traffic.client import Answer, NoAnswerError
from traffic.operations import Request
from traffic.outcome import error_of
from traffic.player import Player
from traffic.record import Record
from traffic.workload import Due

GET = Request("GET", "/i/_doc/1")
GOOD = Answer(200, b"{}")
Served = Callable[[float], float]


def dues(rate: float, count: int, request: Request = GET) -> list[Due]:
    return [Due(number / rate, "get", request) for number in range(count)]


class Target:
    """Takes as long for a request as a function of its arrival says."""

    def __init__(self, takes_s: Served, answer: Callable[[Request], Answer] = lambda _: GOOD) -> None:
        self._takes_s = takes_s
        self._answer = answer
        self.arrivals: list[float] = []
        self.requests: list[Request] = []
        self.at_once = 0
        self.most_at_once = 0

    async def send(self, request: Request) -> Answer:
        now_s = asyncio.get_running_loop().time()
        self.arrivals.append(now_s)
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._takes_s(now_s))
        self.at_once -= 1
        return self._answer(request)


def play(target: Target, sequence: list[Due], connections: int, give_up_s: float = 1e9) -> Record:
    record = Record()

    async def playing() -> None:
        await Player(iter(sequence), target.send, record, connections=connections, give_up_s=give_up_s).play()

    run_virtually(playing())
    return record


def latencies_ms(record: Record, *percents: float) -> list[float]:
    return [value / 1000 for value in record.operations["get"].latency.percentiles_us(percents)]


def services_ms(record: Record, *percents: float) -> list[float]:
    return [value / 1000 for value in record.operations["get"].service.percentiles_us(percents)]


def test_requests_are_sent_when_they_are_due() -> None:
    target = Target(lambda _: 0.001)
    record = play(target, dues(100, 500), connections=4)
    assert target.arrivals == pytest.approx([number / 100 for number in range(500)])
    assert record.operations["get"].requests == record.lateness.count == 500
    assert record.lateness.count_from(10) == 0
    assert latencies_ms(record, 50, 100) == pytest.approx([1, 1])


def test_a_slow_answer_delays_no_request_while_a_connection_is_free() -> None:
    target = Target(lambda _: 0.45)
    record = play(target, dues(10, 50), connections=6)
    assert target.arrivals == pytest.approx([number / 10 for number in range(50)])
    assert target.most_at_once == 5
    assert latencies_ms(record, 100) == pytest.approx([450], rel=0.001)


def test_what_was_due_while_the_target_stood_still_tells_of_it() -> None:
    # Whatever arrives between 1.0 s and 2.0 s is answered at 2.0 s; everything else within 1 ms.
    target = Target(lambda now_s: 2.0 - now_s if 1.0 <= now_s < 2.0 else 0.001)
    record = play(target, dues(100, 500), connections=1)
    # 100 requests were due in that second, and those sent after it wait for each other: 0.1 s later the backlog is gone.
    latency = record.operations["get"].latency
    assert latency.count_from(900_000) == pytest.approx(11, abs=1)
    assert latency.count_from(500_000) == pytest.approx(55, abs=2)
    assert latencies_ms(record, 100) == pytest.approx([1000], rel=0.001)
    # The service time has seen it once only: this is what is called coordinated omission.
    assert record.operations["get"].service.count_from(10_000) == 1
    assert services_ms(record, 50, 99) == pytest.approx([1, 1])
    assert record.lateness.count == 500


def test_never_more_than_the_connections_at_once_and_nothing_is_left_out() -> None:
    target = Target(lambda _: 1.0)
    record = play(target, dues(100, 60), connections=3)
    assert target.most_at_once == 3
    assert record.operations["get"].requests == 60
    # Three in a second: the last one, due at 0.59 s, is sent by the connection whose first was due at 0.02 s.
    assert record.last_sent_s == pytest.approx(19.02)
    assert record.last_ended_s == pytest.approx(20.02)
    assert latencies_ms(record, 100) == pytest.approx([20_020 - 590])


def test_what_can_t_be_sent_in_time_is_given_up() -> None:
    target = Target(lambda _: 1.0)
    record = play(target, dues(100, 100), connections=2, give_up_s=4.5)
    # Two in each second, the last of them sent at 4 s.
    assert record.lateness.count == record.operations["get"].requests == 10
    assert record.last_ended_s == pytest.approx(5.01)


def test_errors_are_counted_by_kind_with_the_first_of_them() -> None:
    numbers = iter(range(100))

    def answer(_: Request) -> Answer:
        number = next(numbers)
        if number % 10 == 3:
            return Answer(503, b'{"number":%d}' % number)
        if number % 10 == 4:
            raise NoAnswerError("connection lost", "reset")
        if number % 10 == 5:
            raise NoAnswerError("time-out", "no answer in time")
        return GOOD

    record = play(Target(lambda _: 0.002, answer), dues(10, 100), connections=1).operations["get"]
    assert record.requests == 100
    assert record.errors == {"status 503": 10, "connection lost": 10, "time-out": 10}
    assert record.examples == {
        "status 503": 'GET /i/_doc/1: {"number":3}',
        "connection lost": "GET /i/_doc/1: reset",
        "time-out": "GET /i/_doc/1: no answer in time",
    }
    # A connection that is lost is no fast answer, a time-out is a slow one.
    assert record.latency.count == record.service.count == 90


def test_requests_that_follow_are_part_of_the_operation() -> None:
    last = Request("DELETE", "/_search/scroll")
    second = Request("POST", "/_search/scroll", then=lambda _: last)
    first = Request("POST", "/i/_search", then=lambda body: second if body == b"{}" else None)
    target = Target(lambda _: 0.1)
    record = play(target, dues(1, 2, first), connections=1)
    assert target.requests == [first, second, last] * 2
    assert record.operations["get"].requests == 2
    assert services_ms(record, 50) == pytest.approx([300])


def test_nothing_follows_an_error() -> None:
    first = Request("POST", "/i/_search", then=lambda _: first)
    target = Target(lambda _: 0.1, lambda _: Answer(500, b""))
    assert play(target, dues(1, 2, first), connections=1).operations["get"].errors == {"status 500": 2}
    assert len(target.requests) == 2
    assert error_of(first, 200, b"{}") is None
