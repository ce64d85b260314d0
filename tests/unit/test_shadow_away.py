"""The shadow is away for minutes, or the log's disk refuses: what the tee and the agent keep meanwhile, in no time. Only the disk, the sockets and the clock
are not the real ones."""

import base64
from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import pytest

from agent.copied import read_copied
from agent.copied_body import Chunks
from agent.joining import Copy as HandedOver
from agent.mirror import Mirror
from agent.mirror_connection import Job
from agent.order import Order
from agent.order_mode import WRITE_SETS
from agent.parts import Proxy
from agent.pipeline import Pipeline
from agent.placing import Placing
from agent.refcount import RefCount
from agent.status import Status as AgentStatus
from agent.transactions import Transactions
from tee.blocks import BLOCK_BYTES, Blocks
from tee.captured import Block, Copy
from tee.handover import Answer, Exchange, Frames, Stream, decode, encode_answer, encode_exchange
from tee.kept import EXCHANGE_BYTES, Ended, Kept
from tee.memory import Memory
from tee.short import Pack
from tee.spool import Written
from tee.status import Status as TeeStatus
from tee.store import Store
from tests.unit.exchanges import proxy_header
from tests.unit.test_tee_captured import feed
from tests.unit.test_transactions import b64, line
from tests.unit.virtual_time import run_virtually

MIB = 1024 * 1024
KB = 1000

# A sixteenth of the default bounds (docs/settings.md), and of the load: the whole takes three minutes.
SCALE = 16
MEMORY, SPOOL, QUEUE = 256 * MIB // SCALE, 4096 * MIB // SCALE, 256 * MIB // SCALE


class Disk:
    """A `tee.spool.Spool` that writes in no time, and keeps of each block where a message begins."""

    def __init__(self, bound_bytes: int) -> None:
        self._blocks = Blocks(bound_bytes // BLOCK_BYTES)
        self._written: deque[Written] = deque()
        self.beginnings: dict[int, bytes] = {}

    @property
    def used_bytes(self) -> int:
        return self._blocks.used * BLOCK_BYTES

    @property
    def full(self) -> bool:
        return self._blocks.full

    def write(self, block: Block | Pack, data: memoryview) -> bool:
        number = self._blocks.take()
        if number is None:
            return False
        self.beginnings[number] = bytes(data if isinstance(block, Pack) else data[:1024])
        self._written.append(Written(block, number, None))
        return True

    def written(self) -> list[Written]:
        return [self._written.popleft() for _ in range(len(self._written))]

    def give_block(self, number: int) -> None:
        self._blocks.give(number)

    def give_back(self) -> None:
        self._blocks.shrink(self._blocks.touched)


class World:
    """A tee and its agent."""

    def __init__(self, memory: int, spool: int, queue: int, *, log_takes_lines: bool) -> None:
        self.memory = Memory(memory)
        self.disk = Disk(spool)
        self.tee = TeeStatus()
        self.store = Store(self.memory, memory, cast("Any", self.disk), 0.1, self.tee)
        self.kept = Kept(memory // 2, lambda: self.store.can_move)
        self.status = AgentStatus()
        self.order: Order[Job] = Order()
        self.mirror = Mirror([("shadow", 80)], 64, queue, 30, self.order, self.status)
        proxy = Proxy(65536, mirrored=False)
        transactions = Transactions(proxy, 64 * MIB, 7200 * 10**9)
        self.pipeline = Pipeline(
            proxy, transactions, self.order, self.mirror.submit, self.status, Placing(WRITE_SETS)
        )
        self.lines_wait = not log_takes_lines
        self.finished: list[Any] = []
        self.now_ns = 0
        self.count = 0
        self._frames = Frames()

    def request(self, body_bytes: int, answer_bytes: int) -> None:
        """A bulk passes, and HAProxy writes its line."""
        self.count += 1
        identifier = b"id-%d" % self.count
        copies = (Copy(self.store), Copy(self.store))
        has_room = self.store.take_bytes(EXCHANGE_BYTES)
        if not has_room:
            for copy in copies:
                copy.without_copying(self.store.why_full())
        headers = b"host: shadow\r\ncontent-length: %d\r\n\r\n" % body_bytes
        request = proxy_header(identifier) + b"POST /_bulk HTTP/1.1\r\n" + headers + bytes(body_bytes)
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % answer_bytes + bytes(answer_bytes)
        for copy, data in zip(copies, (request, answer), strict=True):
            # As the spool's thread comes between the reads.
            for start in range(0, len(data), 4 * MIB):
                feed(copy, data[start : start + 4 * MIB])
                self.settle()
            copy.end("end")
        if has_room:
            self.kept.add(Ended(self.count, *copies))
        told = line(
            identifier,
            known=b"%d" % (self.count - 1),
            completion=b"%d" % self.count,
            server=b"tee",
            through_tee=b"1",
            url=b64(b"/_bulk"),
            request_headers=base64.b64encode(headers),
            request_body=b"-",
            response_headers=b"-",
            response_body=b"-",
            termination=b"--",
        )
        self.pipeline.ends([told], self.now_ns, 0)
        self.settle()

    def settle(self) -> None:
        """What the tee and the agent do within milliseconds."""
        self.store.moved()
        self.kept.reconsider()
        while True:
            if (answer := self.kept.answer()) is not None:
                self._hear(encode_answer(answer))
            elif (ended := self.kept.offer()) is not None:
                self._hear(encode_exchange(ended.message()))
            elif self.pipeline.is_reading:
                self.pipeline.read_on()
            else:
                break
        while self.pipeline.ended:
            transaction = self.pipeline.ended.popleft()
            if transaction.finished is not None:
                self.finished.append(transaction.finished)
        if not self.lines_wait:
            self.log_takes_lines()

    def log_takes_lines(self) -> None:
        self.lines_wait = False
        while self.finished:
            self.finished.pop()()

    def second(self) -> None:
        """The clock goes on."""
        self.now_ns += 10**9
        self.store.tick()
        if self.pipeline.is_to_ask(self.now_ns):
            self.kept.answer_later(Answer(self.pipeline.asked(), ()))
        self.settle()
        self.pipeline.tick(self.now_ns)

    def shadow_takes(self) -> list[int]:
        """The shadow is back: the sizes of the requests that it gets."""
        sizes = []
        for job in self.mirror.close():
            sizes.append(len(job.message) if job.body is None else job.body.framed_bytes)
            if job.done is not None:
                job.done()
        return sizes

    def _hear(self, frame: bytes) -> None:
        for payload in self._frames.feed(frame):
            message = decode(payload)
            if isinstance(message, Answer):
                self.pipeline.answered(message.question, message.under_way)
                continue
            assert isinstance(message, Exchange)
            copied = read_copied(message, self._chunks)
            refcount = RefCount(lambda number=message.id: self._acknowledge(number))  # type: ignore[misc]
            if copied.id:
                self.pipeline.copy(HandedOver(copied, refcount), self.now_ns)
            else:
                refcount.release()

    def _acknowledge(self, number: int) -> None:
        ended = self.kept.acknowledge(number)
        assert ended is not None
        ended.release()
        self.store.give_bytes(EXCHANGE_BYTES)

    def _chunks(self, stream: Stream) -> Chunks:
        return lambda: self._parts(stream)

    def _parts(self, stream: Stream) -> Iterator[bytes]:
        if stream.inline:
            yield stream.inline
        for place, offset, length in stream.pieces:
            if place == "memory":
                for start in range(offset, offset + length, BLOCK_BYTES):
                    yield bytes(
                        self.memory.view(start // BLOCK_BYTES)[: min(BLOCK_BYTES, offset + length - start)]
                    )
            else:
                start = offset % BLOCK_BYTES
                beginning = self.disk.beginnings[offset // BLOCK_BYTES][start : start + length]
                yield beginning + bytes(length - len(beginning))


async def away(world: World, seconds: int, a_second: float, body_bytes: int, answer_bytes: int) -> None:
    for second in range(1, seconds + 1):
        while world.count < second * a_second:
            world.request(body_bytes, answer_bytes)
        world.second()


@pytest.mark.parametrize("log_takes_lines", [True, False])
@pytest.mark.parametrize(
    ("seconds", "a_second", "body_bytes", "answer_bytes"),
    [
        pytest.param(60, 40, 100 * KB, 2 * KB, id="a minute of bulks"),
        pytest.param(600, 40, 100 * KB, 10 * KB, id="ten minutes of bulks"),
        pytest.param(60, 4, 15_000 * KB, 2 * KB, id="large ones"),
        pytest.param(600, 40, 5 * KB, 100 * KB, id="short ones with long answers"),
    ],
)
def test_nothing_is_lost_within_the_bounds(
    seconds: int, a_second: int, body_bytes: int, answer_bytes: int, log_takes_lines: bool
) -> None:
    async def run() -> None:
        world = World(MEMORY, SPOOL, QUEUE, log_takes_lines=log_takes_lines)
        await away(world, seconds, a_second / SCALE, body_bytes, answer_bytes)
        world.second()
        assert world.tee.copies_given_up == 0
        assert world.pipeline.waiting_for_copies == 0
        assert world.status.as_dict() == AgentStatus(transactions=world.count, copied=world.count).as_dict()
        assert world.mirror.waiting == world.count
        sizes = world.shadow_takes()
        world.log_takes_lines()
        assert len(sizes) == world.count
        assert min(sizes) >= body_bytes
        assert world.memory.used_bytes == world.disk.used_bytes == 0

    run_virtually(run())


@pytest.mark.parametrize("log_takes_lines", [True, False])
def test_beyond_the_bounds_what_is_lost_is_counted(log_takes_lines: bool) -> None:
    async def run() -> None:
        world = World(8 * MIB, 64 * MIB, QUEUE, log_takes_lines=log_takes_lines)
        await away(world, 20, 40, 100 * KB, 2 * KB)
        for _ in range(3):
            world.second()
        kept = world.mirror.waiting
        # A block each; of memory the exchanges and the short answers take some.
        assert 72 * 8 - 40 < kept <= 72 * 8
        assert world.disk.full
        status = world.status
        assert status.not_mirrored_truncated == world.count - kept
        assert status.transactions == world.count
        assert world.tee.copies_given_up >= world.count - kept
        # Nothing of these waits.
        assert world.pipeline.waiting_for_copies == 0
        assert len(world.shadow_takes()) == kept
        world.log_takes_lines()
        world.settle()
        assert world.memory.used_bytes == world.disk.used_bytes == 0
        # And then there is room again.
        world.request(100 * KB, 2 * KB)
        assert status.not_mirrored_truncated == world.count - 1 - kept

    run_virtually(run())


def test_the_queue_counts_what_a_waiting_body_takes() -> None:
    async def run() -> None:
        world = World(MEMORY, SPOOL, MIB, log_takes_lines=True)
        await away(world, 10, 100, 100 * KB, 2 * KB)
        assert world.mirror.waiting + world.status.mirror_dropped == world.count
        # 2 KiB, and the message without its body.
        assert 400 < world.mirror.waiting < 512

    run_virtually(run())
