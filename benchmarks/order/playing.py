"""Plays a mix: the open loop of reads, the writers, and the request that hangs, all at the same time."""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.order.client import Client, NoAnswerError
from benchmarks.order.mixes import HUNG_AT_S, INDICES, Ask, Mix, bulks, reads, search
from benchmarks.order.recording import HEADER, tag
from benchmarks.raw_client import request

HUNG = 0
"""The number of the request that hangs."""


@dataclass
class Played:
    """A load that ended."""

    begun_ns: int = 0
    """When, as in `benchmarks.order.recording`."""
    sending_ended_ns: int = 0
    """When the last request was due at the latest."""
    ended_ns: int = 0
    """When the last answer was here."""
    sent: int = 0
    longest_s: float = 0.0
    """The longest time that a request asked the primary's node to take; not the one that hangs."""
    late_s: float = 0.0
    """By how much the latest request of the open loop was late."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests without the right answer, by what was wrong."""


async def play(mix: Mix, rate: float, seconds: float, port: int, seed: int) -> Played:
    """Send all that ``mix`` says, through the proxy at ``port``, for `Mix.load_s`, and wait for the answers."""
    player = _Player(Client(port), mix.load_s(seconds))
    return await player.play(mix, rate, seconds, seed)


class _Player:
    def __init__(self, client: Client, load_s: float) -> None:
        self._client = client
        self._load_s = load_s
        self._numbers = itertools.count(HUNG + 1)
        self._played = Played()
        self._start = 0.0

    async def play(self, mix: Mix, rate: float, seconds: float, seed: int) -> Played:
        played = self._played
        self._start = asyncio.get_running_loop().time()
        played.begun_ns = time.monotonic_ns()
        played.sending_ended_ns = played.begun_ns + round(self._load_s * 1e9)
        try:
            async with asyncio.TaskGroup() as group:
                if mix.reads:
                    group.create_task(self._open_loop(group, rate, seed), name="open loop")
                for writer in range(mix.writers):
                    group.create_task(self._write(writer, seed), name=f"writer {writer}")
                if mix.hung:
                    group.create_task(self._hang(mix.hung_s(seconds)), name="request that hangs")
        finally:
            self._client.close()
        played.ended_ns = time.monotonic_ns()
        return played

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._start

    async def _open_loop(self, group: asyncio.TaskGroup, rate: float, seed: int) -> None:
        for due in reads(rate, self._load_s, seed):
            if (early_s := due.at_s - self._now_s) > 0:
                await asyncio.sleep(early_s)
            self._played.late_s = max(self._played.late_s, self._now_s - due.at_s)
            group.create_task(self._exchange(due.ask))

    async def _write(self, writer: int, seed: int) -> None:
        for ask in bulks(writer, seed):
            if self._now_s >= self._load_s:
                return
            await self._exchange(ask)

    async def _hang(self, hung_s: float) -> None:
        await asyncio.sleep(HUNG_AT_S)
        await self._send(HUNG, search(INDICES[0], round(hung_s * 1000)))

    async def _exchange(self, ask: Ask) -> None:
        self._played.longest_s = max(self._played.longest_s, ask.takes_ms / 1000)
        self._played.sent += 1
        await self._send(next(self._numbers), ask)

    async def _send(self, number: int, ask: Ask) -> None:
        tagged = tag(number, ask.takes_ms)
        try:
            answer = await self._client.exchange(request("POST", ask.path, ask.body, {HEADER: tagged}))
        except NoAnswerError as error:
            self._played.failures[str(error)] += 1
            return
        if answer.status != 200:
            self._played.failures[f"status {answer.status}"] += 1
        elif tagged.encode() not in answer.head or not answer.body.startswith(b'{"took":'):
            self._played.failures["the answer to another request"] += 1
