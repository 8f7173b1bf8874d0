"""The consumer process of the demo: searches at full speed and reports what it measures.

``python -m rpcore.demo.consumer REGISTRY CONCURRENCY`` writes one msgpack map to standard output every
``EVERY`` seconds (see ``Report``), and ends when its standard input does. Measuring is all it does besides
calling, so the display costs the calls nothing: it is another process.
"""

from __future__ import annotations

import asyncio
import random
import string
import sys
import time
from array import array
from collections import Counter
from typing import TypedDict

import msgpack

import rpcore
from rpcore.demo.api import Search
from rpcore.demo.provider import end_with_parent

EVERY = 0.25
WORDS = 200
"""Words asked for each letter: what is then searched for."""


class Report(TypedDict):
    """What happened since the report before."""

    now: float
    """``time.monotonic()``, which all processes of a machine share."""
    latencies: bytes
    """Seconds of each answered call, as ``array("f")``."""
    errors: dict[str, int]
    """Failed calls by what they said."""
    wrong: int
    """Answers that contradict another answer."""
    retries: int
    """Attempts after the first."""
    attempts: dict[str, int]
    """Attempts by provider address."""


class Consumer:
    """Calls in a loop, ``concurrency`` at once, and collects what the next report says.

    Args:
        client: where the counts of attempts come from.
        service: what is called.
    """

    def __init__(self, client: rpcore.Client, service: Search) -> None:
        self.client = client
        self.service = service
        self.latencies = array("f")
        self.errors: Counter[str] = Counter()
        self.wrong = 0
        self._retries = 0
        self._attempts: Counter[str] = Counter()

    async def words(self) -> list[str]:
        """What to search for: words that the index has."""
        found: list[str] = []
        for letter in string.ascii_lowercase:
            found += await self.service.complete(letter, WORDS)
        return found

    async def search_on(self, words: list[str]) -> None:
        """As somebody at a search box would: type a little, search, look at a result; without pauses."""
        while True:
            word = random.choice(words)
            try:
                began = time.perf_counter()
                offered = await self.service.complete(word[:3])
                self.latencies.append(time.perf_counter() - began)
                began = time.perf_counter()
                hits = await self.service.search(word)
                self.latencies.append(time.perf_counter() - began)
                self.wrong += not hits or not offered
                for hit in hits[:1]:
                    began = time.perf_counter()
                    entry = await self.service.describe(hit.name)
                    self.latencies.append(time.perf_counter() - began)
                    self.wrong += entry is None or entry.kind != hit.kind
            except rpcore.errors.RpcError as error:
                self.errors[f"{type(error).__name__}: {error}"] += 1
                await asyncio.sleep(0.01)  # when nobody answers, do not spin

    def report(self) -> Report:
        """What was collected; begins anew."""
        [service] = self.client.report()
        before, self._attempts = self._attempts, Counter({p.address: p.attempts for p in service.providers})
        report = Report(
            now=time.monotonic(),
            latencies=self.latencies.tobytes(),
            errors=dict(self.errors),
            wrong=self.wrong,
            retries=service.retries - self._retries,
            attempts=dict(self._attempts - before),
        )
        self._retries = service.retries
        self.latencies = array("f")
        self.errors.clear()
        self.wrong = 0
        return report


async def main(registry: str, concurrency: int) -> None:
    """Search until standard input ends."""
    loop = asyncio.get_running_loop()
    await end_with_parent()
    # A transport, because a display that is slow to read must not stop the calls.
    output, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sys.stdout.buffer)
    async with rpcore.Client(registry, application="rpcore demo") as client:
        consumer = Consumer(client, client.refer(Search))
        await client.ready()
        words = await consumer.words()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(consumer.search_on(words))
            while True:
                await asyncio.sleep(EVERY)
                output.write(msgpack.packb(consumer.report()))


if __name__ == "__main__":
    rpcore.run(main(sys.argv[1], int(sys.argv[2])))
