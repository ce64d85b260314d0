"""Mirroring to a server on this machine's loopback, over real sockets."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.footprints.footprint import EVERYTHING, Documents, Footprint
from agent.mirror import Mirror
from agent.mirror_connection import Job
from agent.order import Order
from agent.status import Status
from record.transaction import Transaction

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Shadow:
    """Reads requests without a body, and lets a handler answer them."""

    def __init__(self, handler: Handler) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._handler = handler
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self._handler(head, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.sleep(0)


async def ok(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


class Mirrored:
    """A mirror, and what feeds it."""

    def __init__(
        self,
        ports: list[int],
        *,
        connections: int = 8,
        queue_bytes: int = 1 << 20,
        deadline_s: float = 30,
        key: str = "",
    ) -> None:
        self.order: Order[Job] = Order()
        self.status = Status()
        self._counter = 0
        targets = [("127.0.0.1", port) for port in ports]
        self.mirror = Mirror(targets, connections, queue_bytes, deadline_s, self.order, self.status, key)

    def send(
        self,
        name: str,
        *,
        method: bytes = b"GET",
        earlier_completions: int = 0,
        footprint: Footprint = EVERYTHING,
        took_us: int = 0,
    ) -> bool:
        transaction = Transaction(name.encode())
        transaction.arrived_us, transaction.answered_us = 1_000_000_000, 1_000_000_000 + took_us
        transaction.method, transaction.url = method, f"/{name}".encode()
        transaction.request_headers = b"host: shadow\r\n\r\n"
        transaction.earlier_completions = earlier_completions
        self._counter += 1
        self.order.arrive(0)
        completion = self.order.complete(self._counter, 0, footprint)
        queued = self.mirror.submit(transaction, completion, footprint)
        self.mirror.dispatch()
        return queued


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the code under test has no event for it
            await asyncio.sleep(0.005)


def test_every_request_arrives_once_over_few_connections() -> None:
    async def run() -> None:
        shadow = Shadow(ok)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=3)
            for number in range(200):
                mirrored.send(f"r{number}")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert sorted(head.split()[1] for head in shadow.heads) == sorted(b"/r%d" % n for n in range(200))
        assert shadow.connections <= 3
        assert mirrored.status.mirrored == 200
        assert (mirrored.mirror.waiting, mirrored.order.waiting) == (0, 0)

    asyncio.run(run())


def test_the_key_is_shown_with_each_request_and_kept_with_none() -> None:
    async def run() -> None:
        shadow = Shadow(ok)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=1, key="secret-key-0123456789")
            mirrored.send("first")
            mirrored.send("second")
            await mirrored.mirror.drain(10)
            mirrored.send("third")
            (left,) = mirrored.mirror.close()
        for name, head in zip((b"first", b"second"), shadow.heads, strict=True):
            assert head == (
                b"GET /%b HTTP/1.1\r\nx-capture-key: secret-key-0123456789\r\nhost: shadow\r\nx-capture-id: %b\r\n\r\n"
                % (name, name)
            )
        # It may be kept on disk.
        assert b"secret" not in left.message
        assert mirrored.status.mirror_key_refused == 0

    asyncio.run(run())


REFUSED = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-capture-key: refused\r\n\r\n{}"
IN_THE_BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n\r\nx-capture-key: refused\r\n"


@pytest.mark.parametrize("key", ["secret-key-0123456789", ""])
@pytest.mark.parametrize(("answer", "count"), [(REFUSED, 3), (IN_THE_BODY, 0), (OK, 0)])
def test_a_refused_key_is_counted_and_said_and_costs_no_request(
    answer: bytes, count: int, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def answering(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async def run() -> None:
        async with Shadow(answering).listening() as port:
            mirrored = Mirrored([port], key=key)
            for name in ("a", "b", "c"):
                mirrored.send(name)
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_key_refused) == (3, count)

    asyncio.run(run())
    # The 1st and the 2nd, not the 3rd.
    assert caplog.text.count("does not know our key") == min(count, 2)
    assert "secret" not in caplog.text


def test_a_request_waits_for_what_the_client_knew() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def slow_first(head: bytes, writer: asyncio.StreamWriter) -> None:
            if b"/first" in head:
                await release.wait()
            writer.write(OK)

        shadow = Shadow(slow_first)
        async with shadow.listening() as port:
            mirrored = Mirrored([port])
            mirrored.send("first")
            mirrored.send("beside")
            mirrored.send("after", earlier_completions=1)
            await until(lambda: mirrored.status.mirrored == 1)
            assert [head.split()[1] for head in shadow.heads] == [b"/first", b"/beside"]
            release.set()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert shadow.heads[-1].split()[1] == b"/after"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        (b"HEAD", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
        (b"GET", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    ],
)
def test_the_connection_serves_on_after_any_kind_of_answer(method: bytes, answer: bytes) -> None:
    async def reply(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer if b"/odd" in head else OK)

    async def run() -> None:
        shadow = Shadow(reply)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=1)
            for name in ("before", "odd", "between", "odd-again", "after"):
                mirrored.send(name, method=method if name.startswith("odd") else b"GET")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert mirrored.status.mirrored == 5
        assert shadow.connections == 1

    asyncio.run(run())


def test_an_answer_that_ends_with_the_connection_is_an_answer() -> None:
    async def reply(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nsome text")
        writer.close()

    async def run() -> None:
        async with Shadow(reply).listening() as port:
            mirrored = Mirrored([port], connections=1)
            mirrored.send("one")
            mirrored.send("two")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_failed) == (2, 0)

    asyncio.run(run())


def test_a_shadow_that_hangs_does_not_hold_the_order_for_ever() -> None:
    async def hang(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/hangs" not in head:
            writer.write(OK)

    async def run() -> None:
        async with Shadow(hang).listening() as port:
            mirrored = Mirrored([port], deadline_s=0.05)
            mirrored.send("hangs")
            mirrored.send("after", earlier_completions=1)
            await until(lambda: mirrored.mirror.waiting == 2)

            def ended() -> bool:
                mirrored.mirror.tick()
                return mirrored.mirror.waiting == 0

            await until(ended)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_failed) == (1, 1)

    asyncio.run(run())


def test_the_end_of_one_request_may_release_thousands() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def first_waits(head: bytes, writer: asyncio.StreamWriter) -> None:
            if b"/first" in head:
                await release.wait()
            writer.write(OK)

        async with Shadow(first_waits).listening() as port:
            mirrored = Mirrored([port], queue_bytes=1 << 26)
            mirrored.send("first")
            for number in range(5000):
                mirrored.send(f"r{number}", earlier_completions=1, footprint=SEARCH)
            assert mirrored.mirror.backlog.for_order == 5000
            release.set()
            await mirrored.mirror.drain(20)
            mirrored.mirror.close()
        assert mirrored.status.mirrored == 5001

    asyncio.run(run())


SEARCH = Footprint(reads_indices=(b"logs",))
BULK = Footprint(adds_to=(b"logs",))


def test_a_request_that_hangs_holds_up_what_depends_on_it_and_nothing_else() -> None:
    async def hang(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/hangs" not in head:
            writer.write(OK)

    async def run() -> None:
        async with Shadow(hang).listening() as port:
            mirrored = Mirrored([port], deadline_s=0.05)
            mirrored.send("hangs", footprint=BULK)
            mirrored.send("depends", earlier_completions=1, footprint=SEARCH)
            for number in range(100):
                mirrored.send(f"bulk{number}", earlier_completions=number, footprint=BULK)
                await asyncio.sleep(0)
            await until(lambda: mirrored.status.mirrored == 100)
            backlog = mirrored.mirror.backlog
            assert (backlog.under_way, backlog.for_order) == (1, 1)

            def ended() -> bool:
                mirrored.mirror.tick()
                return mirrored.mirror.waiting == 0

            await until(ended)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_failed) == (101, 1)

    asyncio.run(run())


def test_reads_wait_for_no_slow_read_and_all_of_them_are_under_way_at_once() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def slow(_head: bytes, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            writer.write(OK)

        shadow = Shadow(slow)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=200)
            for number in range(150):
                mirrored.send(f"r{number}", earlier_completions=number, footprint=SEARCH, took_us=1_000_000)
            await until(lambda: len(shadow.heads) == 150)
            assert mirrored.mirror.backlog[:4] == (150, 0, 0, 0)
            assert mirrored.status.mirror_held_back == 0
            release.set()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()

    asyncio.run(run())


def test_what_the_bound_of_connections_holds_back_is_counted_and_shown() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def slow(_head: bytes, writer: asyncio.StreamWriter) -> None:
            await release.wait()
            writer.write(OK)

        shadow = Shadow(slow)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=3)
            for number in range(10):
                mirrored.send(f"r{number}", footprint=SEARCH)
            await until(lambda: len(shadow.heads) == 3)
            backlog = mirrored.mirror.backlog
            assert backlog[:4] == (3, 0, 7, 0)
            assert backlog.lag_s >= backlog.waited_s > 0
            release.set()
            await mirrored.mirror.drain(10)
            assert mirrored.mirror.backlog == (0, 0, 0, 0, 0.0, 0.0)
            mirrored.send("later", footprint=SEARCH)
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert mirrored.status.mirror_held_back == 7

    asyncio.run(run())


def test_a_shadow_that_comes_back_gets_no_flood_of_what_has_waited(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        port = free_port()
        under_way = most = 0

        async def slow(_head: bytes, writer: asyncio.StreamWriter) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1
            writer.write(OK)

        mirrored = Mirrored([port], connections=500)
        for number in range(300):
            mirrored.send(f"r{number}", footprint=SEARCH)
        await until(lambda: mirrored.mirror.backlog.for_shadow == 300)
        loop = asyncio.get_running_loop()
        now = loop.time
        # The clock of the mirror goes on by 20 s, which is as long as the shadow was away.
        monkeypatch.setattr(loop, "time", lambda: now() + 20)
        mirrored.mirror.tick()
        assert "the shadow is 20 s behind: 300 waiting for the shadow, which can't be reached" in caplog.text
        shadow = Shadow(slow)
        async with shadow.listening(port):
            await until(lambda: mirrored.status.mirrored == 300)
            mirrored.mirror.tick()
            assert most == 64
            # Opening one costs both sides as much as some requests.
            assert shadow.connections == 64
            mirrored.mirror.close()
        assert "the shadow has caught up" in caplog.text

    asyncio.run(run())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_connection_that_the_shadow_closed_meanwhile_costs_nothing() -> None:
    async def run() -> None:
        answered: list[asyncio.StreamWriter] = []

        async def reply(head: bytes, writer: asyncio.StreamWriter) -> None:
            if b"/second" in head and writer in answered:
                # As if the request had crossed the closing of an idle connection.
                writer.transport.abort()
                return
            writer.write(OK)
            answered.append(writer)

        async with Shadow(reply).listening() as port:
            mirrored = Mirrored([port], connections=1)
            mirrored.send("first")
            await until(lambda: mirrored.status.mirrored == 1)
            mirrored.send("second")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_failed) == (2, 0)

    asyncio.run(run())


def test_requests_wait_for_a_shadow_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with Shadow(ok).listening() as port:
            pass
        mirrored = Mirrored([port])
        for number in range(20):
            mirrored.send(f"r{number}")
        await until(lambda: "can't be reached" in caplog.text)
        shadow = Shadow(ok)
        async with shadow.listening(port):
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert len(shadow.heads) == mirrored.status.mirrored == 20

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert caplog.text.count("can't be reached") == 1
    assert "is reached again" in caplog.text


def test_several_shadows_share_the_work() -> None:
    async def run() -> None:
        first, second = Shadow(ok), Shadow(ok)
        async with first.listening() as one, second.listening() as two:
            mirrored = Mirrored([one, two], connections=2)
            for number in range(100):
                mirrored.send(f"r{number}", earlier_completions=max(0, number - 2))
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert len(first.heads) + len(second.heads) == 100
        assert min(len(first.heads), len(second.heads)) > 20

    asyncio.run(run())


def test_a_full_queue_drops_and_counts_and_goes_on() -> None:
    async def run() -> None:
        async with Shadow(ok).listening() as port:
            mirrored = Mirrored([port], queue_bytes=300)
            queued = [mirrored.send(f"r{number}") for number in range(10)]
            await mirrored.mirror.drain(10)
            assert mirrored.send("later")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert 0 < queued.count(True) < 10
        assert mirrored.status.mirror_dropped == queued.count(False)
        assert mirrored.status.mirrored == queued.count(True) + 1
        assert (mirrored.mirror.waiting, mirrored.order.waiting) == (0, 0)

    asyncio.run(run())


def test_what_is_not_sent_at_the_end_is_handed_back_in_order() -> None:
    async def hang(_head: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        shadow = Shadow(hang)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=2)
            for number in range(6):
                mirrored.send(f"r{number}")
            await until(lambda: len(shadow.heads) == 2)
            unsent = mirrored.mirror.close()
        assert [job.completion for job in unsent] == [1, 2, 3, 4, 5, 6]

    asyncio.run(run())


def test_a_request_that_nobody_answered_is_sent_right_after_what_it_waited_for() -> None:
    async def run() -> None:
        release = asyncio.Event()

        async def slow(head: bytes, writer: asyncio.StreamWriter) -> None:
            if b"/first" in head:
                await release.wait()
            writer.write(OK)

        shadow = Shadow(slow)
        async with shadow.listening() as port:
            mirrored = Mirrored([port])
            mirrored.send("first")
            unanswered = Transaction(b"unanswered")
            unanswered.method, unanswered.url = b"POST", b"/unanswered"
            unanswered.request_headers = b"host: shadow\r\n\r\n"
            unanswered.earlier_completions = 1
            assert mirrored.mirror.submit(unanswered, 0, EVERYTHING)
            mirrored.send("last", earlier_completions=1)
            await until(lambda: len(shadow.heads) == 1)
            release.set()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert [head.split()[1] for head in shadow.heads] == [b"/first", b"/unanswered", b"/last"]
        assert (mirrored.mirror.waiting, mirrored.order.waiting) == (0, 0)

    asyncio.run(run())


def test_what_the_primary_told_late_does_not_block_what_it_told_before() -> None:
    async def run() -> None:
        shadow = Shadow(ok)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=1)
            order = mirrored.order
            for counter, known in ((2, 1), (1, 0)):
                transaction = Transaction(b"%d" % counter)
                transaction.method, transaction.url = b"GET", b"/%d" % counter
                transaction.request_headers = b"host: shadow\r\n\r\n"
                transaction.earlier_completions = order.arrive(known)
                completion = order.complete(counter, 0, EVERYTHING)
                mirrored.mirror.submit(transaction, completion, EVERYTHING)
                mirrored.mirror.dispatch()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert [head.split()[1] for head in shadow.heads] == [b"/1", b"/2"]

    asyncio.run(run())


class Silent:
    """A target whose SYNs are dropped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection
        self.attempts = 0

        async def create_connection(factory: Any, host: str, port: int) -> Any:
            if host == "silent":
                self.attempts += 1
                await asyncio.Event().wait()
            return await connect(factory, host, port)

        monkeypatch.setattr(loop, "create_connection", create_connection)


def test_no_request_waits_for_a_target_that_does_not_answer_while_another_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        silent = Silent(monkeypatch)
        shadow = Shadow(ok)
        async with shadow.listening() as port:
            mirrored = Mirrored([port])
            mirrored.mirror = Mirror(
                [("silent", 1), ("127.0.0.1", port)], 64, 1 << 20, 30, mirrored.order, mirrored.status
            )
            for number in range(30):
                mirrored.send(f"r{number}")
                # Without the agent's tick: the shadow that is there is enough.
                await mirrored.mirror.drain(10)
                assert mirrored.status.mirrored == number + 1
            assert silent.attempts == 1
            mirrored.mirror.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1000\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nconnection: clo",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
)
@pytest.mark.parametrize("part", [1, 4096], ids=["bytewise", "at once"])
def test_an_answer_that_is_cut_is_none(answer: bytes, part: int) -> None:
    async def cut(_head: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(answer), part):
            writer.write(answer[start : start + part])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async def run() -> None:
        async with Shadow(cut).listening() as port:
            mirrored = Mirrored([port])
            mirrored.send("r", method=b"POST")
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert (mirrored.status.mirrored, mirrored.status.mirror_failed) == (0, 1)

    asyncio.run(run())


def test_what_the_shadow_may_have_had_says_so() -> None:
    async def hang(_head: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        shadow = Shadow(hang)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=1)
            mirrored.send("sent", method=b"POST")
            mirrored.send("waiting", method=b"POST")
            await until(lambda: len(shadow.heads) == 1)
            unsent = mirrored.mirror.close()
        assert [job.perhaps_repeated for job in unsent] == [True, False]
        again = Shadow(ok)
        async with again.listening() as port:
            mirrored = Mirrored([port], connections=1)
            mirrored.mirror.resume(unsent)
            mirrored.mirror.dispatch()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert [b"\r\nx-capture-repeated: perhaps\r\n" in head for head in again.heads] == [True, False]

    asyncio.run(run())


class Shrunk:
    """A body in a copy of which less can be read than there was."""

    chunked = False
    framed_bytes = 1000

    def framed(self) -> Iterator[bytes]:
        yield b"x" * 400


def test_a_body_that_has_become_shorter_never_takes_the_next_request_with_it() -> None:
    async def whole_ones(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"/cut" not in head:
            writer.write(OK)

    async def run() -> None:
        shadow = Shadow(whole_ones)
        async with shadow.listening() as port:
            mirrored = Mirrored([port], connections=1)
            job = Job(
                b"POST /cut HTTP/1.1\r\ncontent-length: 1000\r\n\r\n",
                False,
                0,
                1,
                EVERYTHING,
                Shrunk(),
                lambda: None,
            )
            following = Job(b"GET /next HTTP/1.1\r\n\r\n", False, 1, 2, EVERYTHING)
            mirrored.mirror.resume([job, following])
            mirrored.mirror.dispatch()
            await mirrored.mirror.drain(10)
            mirrored.mirror.close()
        assert mirrored.status.mirror_failed == 1
        assert shadow.heads[-1].startswith(b"GET /next ")
        assert shadow.connections == 2

    asyncio.run(run())


def test_the_documents_that_a_request_only_reads_count_as_memory_too() -> None:
    async def run() -> None:
        async def never(_head: bytes, _writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with Shadow(never).listening() as port:
            mirrored = Mirrored([port], queue_bytes=1 << 20)
            documents = (Documents(b"logs", tuple(b"%d" % number for number in range(2000))),)
            # A compressed mget is short, what it names is not.
            assert mirrored.send("one", footprint=Footprint(reads_documents=documents))
            assert not mirrored.send("two", footprint=Footprint(reads_documents=documents))
            mirrored.mirror.close()
        assert mirrored.status.mirror_dropped == 1

    asyncio.run(run())
