"""The agent's connection to a tee, which is a real one: what it says of copies that do not come."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent import tee_link
from agent.joining import Copy
from agent.tee_link import TeeLink
from tee.handover import Exchange
from tee.reading import Areas
from tests.unit.exchanges import proxy_header
from tests.unit.tee_process import MIB, TeeProcess, read_exactly, running_tee

PATIENCE_S = 20

REQUEST = b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n"


class Linked:
    """A link, and what it was told."""

    def __init__(self, runtime: Path) -> None:
        self.copies: list[Copy] = []
        self.heard: list[str] = []
        """In this order."""
        self.times_gone = 0
        self.link = TeeLink(runtime, self._take, lambda: None, self._answered, self._gone)

    def _take(self, copy: Copy) -> None:
        self.copies.append(copy)
        self.heard.append(copy.copied.id.decode())

    def _answered(self, question: int, under_way: Container[bytes]) -> None:
        assert isinstance(under_way, set)
        self.heard.append(f"{question}: {sorted(under_way)}")

    def _gone(self) -> None:
        self.times_gone += 1


@asynccontextmanager
async def linked(runtime: Path) -> AsyncIterator[Linked]:
    one = Linked(runtime)
    task = asyncio.create_task(one.link.run())
    try:
        yield one
    finally:
        await one.link.close()
        task.cancel()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the code under test has no event for it
            await asyncio.sleep(0.005)


def with_a_tee(directory: Path, test: Callable[[TeeProcess, Linked], Awaitable[None]]) -> None:
    async def run(tee: TeeProcess) -> None:
        async with linked(directory) as one:
            await until(lambda: one.link.connected)
            await test(tee, one)

    with running_tee(directory) as tee:
        asyncio.run(run(tee))


def request(identifier: bytes, body_bytes: int = 0) -> bytes:
    return proxy_header(identifier) + REQUEST % body_bytes + bytes(body_bytes)


def exchange(tee: TeeProcess, data: bytes) -> None:
    outer, inner = tee.connect()
    with outer, inner:
        sender = threading.Thread(target=outer.sendall, args=(data,))
        sender.start()
        read_exactly(inner, len(data))
        sender.join()


def test_an_answer_comes_behind_what_had_ended_and_names_what_is_under_way(tmp_path: Path) -> None:
    async def test(tee: TeeProcess, one: Linked) -> None:
        exchange(tee, request(b"ended"))
        outer, inner = tee.connect()
        with outer, inner:
            outer.sendall(request(b"under way"))
            read_exactly(inner, len(request(b"under way")))
            one.link.ask(7)
            await until(lambda: len(one.heard) == 2)
        await until(lambda: len(one.heard) == 3)
        one.link.ask(8)
        await until(lambda: len(one.heard) == 4)
        assert one.heard == ["ended", "7: [b'under way']", "under way", "8: []"]

    with_a_tee(tmp_path, test)


def test_an_answer_says_nothing_while_it_is_not_known_whose_a_request_is(tmp_path: Path) -> None:
    async def test(tee: TeeProcess, one: Linked) -> None:
        outer, inner = tee.connect()
        with outer, inner:
            one.link.ask(1)
            # Offered behind the answer.
            exchange(tee, request(b"other"))
            await until(lambda: one.heard)
        assert one.heard == ["other"]
        one.link.ask(2)
        await until(lambda: len(one.heard) == 2)
        assert one.heard[1] == "2: []"

    with_a_tee(tmp_path, test)


def test_a_copy_that_is_being_read_comes_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun, real = threading.Event(), threading.Event(), tee_link._read

    def slow(offered: Exchange, areas: Areas) -> object:
        begun.set()
        assert gate.wait(PATIENCE_S)
        return real(offered, areas)

    monkeypatch.setattr(tee_link, "_read", slow)

    async def test(tee: TeeProcess, one: Linked) -> None:
        await asyncio.to_thread(exchange, tee, request(b"large", 2 * MIB))
        await until(begun.is_set)
        one.link.ask(1)
        # The tee has answered when it does what it was told later.
        monkeypatch.setattr(tee_link, "_read", real)
        exchange(tee, request(b"short"))
        await until(lambda: one.heard)
        assert one.heard == ["short"]
        gate.set()
        await until(lambda: len(one.heard) == 3)
        assert one.heard == ["short", "large", "1: []"]

    with_a_tee(tmp_path, test)


def test_a_tee_that_has_ended_is_told(tmp_path: Path) -> None:
    async def test(tee: TeeProcess, one: Linked) -> None:
        assert one.times_gone == 0
        exchange(tee, request(b"before"))
        await until(lambda: one.heard)
        tee.kill()
        await until(lambda: one.times_gone >= 2)
        # Nobody to ask.
        one.link.ask(1)
        assert one.heard == ["before"]

    with_a_tee(tmp_path, test)


def test_acknowledgements_are_remembered_until_the_tee_has_read_them(tmp_path: Path) -> None:
    async def test(tee: TeeProcess, one: Linked) -> None:
        for number in range(20):
            exchange(tee, request(b"%d" % number))
        await until(lambda: len(one.copies) == 20)
        for copy in one.copies:
            copy.refcount.release()
        await until(lambda: tee.status()["handed_over"] == 20)
        remembered = one.link._offers.acknowledged
        assert len(remembered) == 20
        one.link.ask(1)
        await until(lambda: len(one.heard) == 21)
        assert not remembered
        exchange(tee, request(b"later"))
        await until(lambda: len(one.copies) == 21)
        one.copies[-1].refcount.release()
        await until(lambda: remembered)
        one.link.ask(2)
        await until(lambda: not remembered)

    with_a_tee(tmp_path, test)
