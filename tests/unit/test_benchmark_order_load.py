"""The node, the client and the loads of `benchmarks.order`, against each other."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.host_process import free_ports
from benchmarks.order import figures, interruptible, mixes, playing
from benchmarks.order.client import Client, NoAnswerError
from benchmarks.order.mixes import MIXES, search
from benchmarks.order.node import TimedNode, timed_node
from benchmarks.order.playing import HUNG, play
from benchmarks.order.recording import HEADER, tag
from benchmarks.order.results import Condition
from benchmarks.order.system import System, Variant
from benchmarks.ours import Deployment, Images
from benchmarks.raw_client import request
from benchmarks.subject import Captured, Subject

FACTOR = 2.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[TimedNode]:
    (port,) = free_ports(1)
    with timed_node(tmp_path, port, "shadow", FACTOR) as running:
        yield running


def _search(number: int, takes_ms: int) -> bytes:
    ask = search("shop-1", takes_ms)
    return request("POST", ask.path, ask.body, {HEADER: tag(number, takes_ms)})


def test_a_node_takes_the_requests_time_times_its_factor(node: TimedNode) -> None:
    async def scenario() -> None:
        client = Client(node.port)
        answer = await client.exchange(_search(1, 50))
        client.close()
        assert answer.status == 200
        assert tag(1, 50).encode() in answer.head
        assert json.loads(answer.body)["took"] == 100

    asyncio.run(scenario())
    span = node.records.read()[1]
    assert span.answered_ns is not None
    # Timers count in ms.
    assert span.answered_ns - span.arrived_ns >= 99e6


def test_a_node_works_on_hundreds_at_once(node: TimedNode) -> None:
    async def scenario() -> None:
        client = Client(node.port)
        answers = await asyncio.gather(*(client.exchange(_search(number, 1000)) for number in range(300)))
        client.close()
        for number, answer in enumerate(answers):
            assert tag(number, 1000).encode() in answer.head

    asyncio.run(scenario())
    # All came before the first was answered: it took 2 s.
    assert figures.at_once(node.records.read().values(), 0, 1).most == 300


def test_health_checks_and_others_requests_are_answered_at_once_and_not_recorded(node: TimedNode) -> None:
    async def scenario() -> None:
        client = Client(node.port)
        for whole in (request("GET", "/"), request("GET", "/x", headers={HEADER: "a client's own"})):
            assert (await client.exchange(whole)).body == b"{}"
        client.close()

    asyncio.run(scenario())
    assert node.records.read() == {}


def test_a_bulk_in_chunks_is_understood(node: TimedNode) -> None:
    lines = b'{"index":{"_index":"shop-3","_id":"7"}}\n{"a":1}\n'
    head = f"POST /_bulk HTTP/1.1\r\nHost: x\r\n{HEADER}: {tag(4, 1)}\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def scenario() -> None:
        client = Client(node.port)
        answer = await client.exchange(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(lines), lines))
        client.close()
        (item,) = json.loads(answer.body)["items"]
        assert (item["index"]["_index"], item["index"]["_id"]) == ("shop-3", "7")

    asyncio.run(scenario())


def test_a_mix_is_played_to_its_last_answer(node: TimedNode) -> None:
    played = asyncio.run(play(MIXES["both"], 100, 0.5, node.port, 17))
    found = node.records.read()
    assert played.failures == {}
    assert played.sent == len(found) == len(set(found)) >= 50 + 8
    assert HUNG not in found
    assert figures.missing(found, found) == []
    last_ns = max(span.answered_ns or 0 for span in found.values())
    assert played.begun_ns < played.sending_ended_ns
    assert played.begun_ns < min(span.arrived_ns for span in found.values())
    assert last_ns <= played.ended_ns
    assert played.longest_s == 1.0


def test_reads_do_not_wait_for_earlier_ones(node: TimedNode) -> None:
    # All are due within half a second, and a slow one takes two.
    asyncio.run(play(MIXES["reads"], 100, 0.5, node.port, 17))
    found = node.records.read()
    slow = [span for span in found.values() if (span.answered_ns or 0) - span.arrived_ns > 1e9]
    assert len(found) == 50
    assert max(span.arrived_ns for span in found.values()) < min(span.answered_ns or 0 for span in slow)


def test_the_writers_wait_for_their_answers(node: TimedNode) -> None:
    played = asyncio.run(play(MIXES["bulks"], 0, 1.0, node.port, 17))
    found = node.records.read()
    assert played.failures == {}
    assert figures.at_once(found.values(), 0, 1).most == 8
    assert len(found) > 8


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answering(answer: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65536):
                writer.write(answer)
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    return handle


async def _with(handler: Handler, use: Callable[[int], Awaitable[None]]) -> None:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        await use(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}", "status 503"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"took":', "the answer to another request"),
        (b"SSH-2.0\r\n\r\n", "an answer without a status or a Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{", "more bytes came than the answer has"),
    ],
)
def test_wrong_answers_are_counted_by_what_is_wrong(answer: bytes, failure: str) -> None:
    async def use(port: int) -> None:
        played = await play(MIXES["reads"], 20, 0.2, port, 17)
        assert played.failures == {failure: 4}

    asyncio.run(_with(_answering(answer), use))


def test_a_connection_that_ends_is_no_answer_and_not_used_again() -> None:
    async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        writer.close()

    async def use(port: int) -> None:
        client = Client(port)
        for _ in range(2):
            with pytest.raises(NoAnswerError, match="closed"):
                await client.exchange(request("GET", "/"))

    asyncio.run(_with(one_answer, use))


def test_nobody_there_is_no_answer() -> None:
    (port,) = free_ports(1)

    async def scenario() -> None:
        with pytest.raises(NoAnswerError):
            await Client(port).exchange(request("GET", "/"))

    asyncio.run(scenario())


def test_an_idle_connection_is_used_again() -> None:
    opened = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")(reader, writer)

    async def use(port: int) -> None:
        client = Client(port)
        for _ in range(3):
            assert (await client.exchange(request("GET", "/"))).body == b"{}"
        client.close()

    asyncio.run(_with(count, use))
    assert opened == 1


class FakeProxy:
    """Says that it lost three requests after it was asked first."""

    name = "primary"

    def __init__(self) -> None:
        self._asked = 0

    def captured(self) -> Captured:
        return Captured(0, 0)

    def lines(self) -> int:
        return 0

    def counters(self) -> dict[str, int]:
        self._asked += 1
        return {"mirror_dropped": 3 * min(self._asked - 1, 1), "mirrored": self._asked}

    def counters_now(self) -> dict[str, int] | None:
        return {"mirror_waits_for_order": 4, "mirrored": 5}

    def count_lines(self) -> int:
        return 0


def _system(mix: str, primary: TimedNode, shadow: TimedNode) -> System:
    """The client goes straight to the primary's node, and nothing gets to the shadow's but what a test sends."""
    variant = Variant("ours", Images("a", "b"), Deployment())
    subject = Subject(primary.port, dict, proxies=(FakeProxy(),))
    return System(variant, Condition(mix, 40, FACTOR), subject, (primary, shadow))


@pytest.fixture
def shadow(tmp_path: Path) -> Iterator[TimedNode]:
    (port,) = free_ports(1)
    (tmp_path / "second").mkdir()
    with timed_node(tmp_path / "second", port, "shadow", FACTOR) as running:
        yield running


def test_a_shadow_that_gets_nothing_is_behind_without_end(node: TimedNode, shadow: TimedNode) -> None:
    system = _system("reads", node, shadow)

    async def scenario() -> None:
        await system.load(0.5, 17)
        await system.drain(0.1)

    asyncio.run(scenario())
    measured = system.measured()
    assert measured.sent == measured.backlog == measured.left == 20
    assert measured.given == 0
    assert measured.lags.largest.at_least
    assert measured.done_after.at_least
    assert measured.shadow == figures.AtOnce(0, 0)
    assert measured.primary.most > 1
    assert measured.losses == {"primary mirror_dropped": 3}
    assert measured.waits == {"mirror_waits_for_order": 4}


def test_waiting_ends_when_the_shadow_is_done(node: TimedNode, shadow: TimedNode) -> None:
    system = _system("reads", node, shadow)

    async def scenario() -> None:
        await system.load(0.1, 17)
        client = Client(shadow.port)
        await asyncio.gather(*(client.exchange(_search(number, 5)) for number in (1, 2, 3, 4)))
        client.close()
        await asyncio.wait_for(system.drain(600), 60)

    asyncio.run(scenario())
    measured = system.measured()
    assert (measured.sent, measured.left) == (4, 0)
    assert not measured.lags.largest.at_least
    assert measured.lags.largest.value > 0
    assert not measured.done_after.at_least


def test_the_request_that_hangs_is_sent_and_in_no_figure(
    node: TimedNode, shadow: TimedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (mixes, playing):
        monkeypatch.setattr(module, "HUNG_AT_S", 0.1)
    system = _system("one-hung", node, shadow)

    async def scenario() -> None:
        await system.load(0.4, 17)
        await system.drain(0)

    asyncio.run(scenario())
    assert HUNG in node.records.read()
    measured = system.measured()
    # 40 a second for 0.1 + 0.4 + 0.2 s.
    assert measured.sent == measured.backlog == 28 == len(node.records.read()) - 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_load_whoever_is_running_then(node: TimedNode, number: signal.Signals) -> None:
    cancelled = []

    class Kills(asyncio.Protocol):
        """The signal comes while a connection's callback runs."""

        def data_received(self, data: bytes) -> None:
            os.kill(os.getpid(), number)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(Kills, "127.0.0.1", node.port)
        transport.write(request("GET", "/"))
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        finally:
            transport.abort()
            # It is closed by the next turn of the loop.
            await asyncio.sleep(0)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended:
        interruptible.run(scenario)
    assert ended.value.code == 128 + number
    assert cancelled == [True]
    assert signal.getsignal(number) == before


def test_what_is_run_to_its_end_gives_its_result() -> None:
    async def scenario() -> int:
        return 7

    assert interruptible.run(scenario) == 7
