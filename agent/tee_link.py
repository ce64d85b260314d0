"""The agent's connection to the tee: takes exchanges, acknowledges them, asks what there still is, and ends a tee that no longer does anything."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
import weakref
from collections import OrderedDict
from collections.abc import Callable, Container
from pathlib import Path

from agent.copied import Copied, read_copied
from agent.joining import Copy
from agent.proxy_header import parse_proxy_header
from agent.refcount import RefCount
from tee.handover import (
    Answer,
    Exchange,
    Frames,
    HandoverError,
    Hello,
    Question,
    decode,
    encode_acknowledgement,
    encode_question,
)
from tee.reading import Areas, CopiedStream, close_all, receive_hello

_LOG = logging.getLogger(__name__)

_AGAIN_S = 0.2
_READ_BYTES = 256 * 1024

# Reading a larger copy may take longer than others like to wait.
_AT_ONCE_BYTES = 1024 * 1024

# A tee that leaves so many questions in a row unanswered, each for so long, is frozen; its clients would wait for ever. Not after the first one:
# it may be the agent that stood still.
_QUESTIONS = 3
_ANSWER_S = 2.0
_LOOK_EVERY_S = 1.0

# Of the stop: an answer is not waited for.
_CLOSE_S = 0.5

# Of each, the memory takes 100 bytes.
_UNCONFIRMED = 8192


class TeeLink:
    """Connects again and again; ``take`` gets what the tee hands over, on the event loop.

    Args:
        runtime: directory of ``tee-agent.sock`` and ``tee-status.sock``.
        failed: counts what can't be read.
        answered: gets the answers to `ask`: the question's number, and the identifiers of what was under way.
        gone: called when there is no tee; what it had, and had not handed over, is lost.
    """

    def __init__(
        self,
        runtime: Path,
        take: Callable[[Copy], None],
        failed: Callable[[], None],
        answered: Callable[[int, Container[bytes]], None],
        gone: Callable[[], None],
    ) -> None:
        self._path = os.fspath(runtime / "tee-agent.sock")
        self._status_path = os.fspath(runtime / "tee-status.sock")
        self._take = take
        self._failed = failed
        self._answered = answered
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._offers = _Offers(0)
        self._writer: asyncio.StreamWriter | None = None
        self._acknowledgements: list[int] = []
        self._reading: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """There is a tee."""
        return self._writer is not None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._serve()
            except (ConnectionRefusedError, FileNotFoundError):
                # Nobody listens: it has ended. What is still being read came from it before.
                if not self._reading:
                    self._gone()
            except (OSError, HandoverError, TimeoutError) as error:
                _LOG.debug("the tee: %s", error)
            await asyncio.sleep(_AGAIN_S)

    @property
    def is_to_confirm(self) -> bool:
        """So many acknowledgements are remembered that the tee should be asked: its answer shows which ones it has read."""
        return len(self._offers.acknowledged) > _UNCONFIRMED

    def ask(self, number: int) -> None:
        """Ask what the tee has; not while it is away."""
        if self._writer is None or self._writer.is_closing():
            return
        # First: the answer confirms them.
        self._send_acknowledgements()
        self._offers.asked(number)
        self._writer.write(encode_question(Question(number)))

    async def watch(self) -> None:
        """End a frozen tee, so that the supervisor starts another one. Until cancelled."""
        unanswered = asked = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            silent = await self._silent()
            unanswered = unanswered + 1 if silent and silent == asked else int(silent > 0)
            asked = silent
            if unanswered == _QUESTIONS:
                _LOG.error("the tee is frozen: it is ended, and so are the requests that it has")
                with contextlib.suppress(ProcessLookupError):
                    os.kill(silent, signal.SIGKILL)

    async def close(self) -> None:
        """Send what is to be acknowledged, and take nothing more."""
        # What other threads have told of comes first.
        await asyncio.sleep(0)
        self._send_acknowledgements()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()

    async def _silent(self) -> int:
        """The process of a tee that does not answer; 0: it does, or there is none."""
        pid = 0
        with socket.socket(socket.AF_UNIX) as asker:
            asker.setblocking(False)
            try:
                async with asyncio.timeout(_ANSWER_S):
                    await self._loop.sock_connect(asker, self._status_path)
                    pid = _peer(asker)
                    await self._loop.sock_recv(asker, 1)
            except TimeoutError:
                return pid
            except OSError as error:
                # It has ended, or is about to start.
                _LOG.debug("the tee's status: %s", error)
        return 0

    async def _serve(self) -> None:
        with socket.socket(socket.AF_UNIX) as tee:
            tee.setblocking(False)
            await self._loop.sock_connect(tee, self._path)
            await _readable(self._loop, tee)
            hello, areas = receive_hello(tee)
            # Closed when no copy in them is needed any more.
            weakref.finalize(areas, close_all, areas.descriptors)
            if hello.started_us != self._offers.started_us:
                self._offers = _Offers(hello.started_us)
            reader, writer = await asyncio.open_unix_connection(sock=tee.dup())
        self._acknowledgements.clear()
        self._writer = writer
        _LOG.info("the tee is connected")
        frames = Frames()
        try:
            while data := await reader.read(_READ_BYTES):
                for payload in frames.feed(data):
                    message = decode_message(payload)
                    if isinstance(message, Answer):
                        self._take_answer(message)
                    else:
                        self._offered(message, areas)
        finally:
            self._writer = None
            writer.close()
        _LOG.warning("the tee has gone")

    def _offered(self, exchange: Exchange, areas: Areas) -> None:
        offers = self._offers
        if exchange.id in offers.open:
            # Offered again after a lost connection.
            return
        if exchange.id in offers.acknowledged:
            # And the acknowledgement had been lost with it.
            self._send(exchange.id)
            return
        offers.open.add(exchange.id)
        if exchange.request.copied_bytes + exchange.response.copied_bytes <= _AT_ONCE_BYTES:
            self._took(exchange, offers, areas, _read(exchange, areas))
            return
        task = self._loop.create_task(
            self._read_apart(exchange, offers, areas), name=f"read-copy-{exchange.id}"
        )
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    def _take_answer(self, answer: Answer) -> None:
        self._offers.confirmed(answer.question)
        if not all(answer.under_way):
            # Whose they are is still on its way: the next answer will tell.
            return
        identifiers = {_identifier(beginning) for beginning in answer.under_way}
        self._when_read(lambda: self._answered(answer.question, identifiers))

    def _when_read(self, then: Callable[[], None]) -> None:
        """Do it when the copies that have been offered until now are read."""
        reading = set(self._reading)
        if not reading:
            then()
            return

        async def wait() -> None:
            await asyncio.wait(reading)
            then()

        task = self._loop.create_task(wait(), name="copies-are-read")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_apart(self, exchange: Exchange, offers: "_Offers", areas: Areas) -> None:
        self._took(exchange, offers, areas, await self._loop.run_in_executor(None, _read, exchange, areas))

    def _took(self, exchange: Exchange, offers: "_Offers", areas: Areas, copied: Copied | None) -> None:
        def released() -> None:
            self._loop.call_soon_threadsafe(self._acknowledge, offers, exchange.id, areas)

        refcount = RefCount(released)
        if copied is None:
            self._failed()
            refcount.release()
        elif not copied.id:
            refcount.release()
        else:
            inline = len(exchange.request.inline) + len(exchange.response.inline)
            self._take(Copy(copied, refcount, inline))

    def _acknowledge(self, offers: "_Offers", number: int, _areas: Areas) -> None:
        offers.acknowledge(number)
        # Another tee's numbers mean other exchanges.
        if offers is self._offers:
            self._send(number)

    def _send(self, number: int) -> None:
        if self._writer is None:
            return
        if not self._acknowledgements:
            self._loop.call_soon(self._send_acknowledgements)
        self._acknowledgements.append(number)

    def _send_acknowledgements(self) -> None:
        numbers, self._acknowledgements = self._acknowledgements, []
        if numbers and self._writer is not None and not self._writer.is_closing():
            self._writer.write(b"".join(encode_acknowledgement(number) for number in numbers))


class _Offers:
    """What one tee has offered. After a lost connection it offers again what it was told nothing of."""

    def __init__(self, started_us: int) -> None:
        self.started_us = started_us
        self.open: set[int] = set()
        """Not acknowledged yet."""
        self.acknowledged: OrderedDict[int, int] = OrderedDict()
        """Those that were, in this order, with the number of the last question before; perhaps the tee never heard of it."""
        self._question = 0

    def acknowledge(self, number: int) -> None:
        self.open.discard(number)
        self.acknowledged[number] = self._question

    def asked(self, question: int) -> None:
        self._question = question

    def confirmed(self, question: int) -> None:
        """The tee has read the question, and the acknowledgements before it."""
        while self.acknowledged:
            number, before = next(iter(self.acknowledged.items()))
            if before >= question:
                break
            del self.acknowledged[number]


def _read(exchange: Exchange, areas: Areas) -> Copied | None:
    """None: it can't be read."""
    try:
        return read_copied(exchange, lambda stream: CopiedStream(stream, areas))
    except (OSError, ValueError) as error:
        _LOG.error("exchange %d of the tee can't be read: %s", exchange.id, error)
    except Exception:  # noqa: BLE001
        # A defect, if there is one, costs this copy and not all that come after it.
        _LOG.exception("exchange %d of the tee can't be read", exchange.id)
    return None


def _identifier(beginning: bytes) -> bytes:
    """Whose request begins so; empty: nobody's that HAProxy tells of."""
    try:
        return parse_proxy_header(beginning).identifier
    except ValueError:
        return b""


def decode_message(payload: bytes) -> Exchange | Answer:
    """What a frame behind the hello offers, or answers.

    Raises:
        HandoverError: it does neither.
    """
    message = decode(payload)
    if isinstance(message, Hello):
        raise HandoverError("a second hello")
    return message


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        async with asyncio.timeout(_ANSWER_S):
            await ready.wait()
    finally:
        loop.remove_reader(connection)


def _peer(connection: socket.socket) -> int:
    """The process at the other end (SO_PEERCRED, unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])
