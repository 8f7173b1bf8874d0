"""Dubbo Java calls rpcore: every type, every kind of exception, every way in which a call can go.

The consumer is one JVM for each version of Dubbo, told what to call in lines of JSON (Consumer.java); the provider is an
rpcore server in this process. Java compares what comes back with what it sent, our service what arrives with its own
sample of that name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes
from java_samples import SAMPLES
from java_service import Service
from live import serve
from rig_java import VERSIONS, Java, JavaConsumer, JavaError, java_programs


@pytest.fixture(scope="module", params=VERSIONS)
def java(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str], NoReturn]
) -> Iterator[Java]:
    with java_programs(request.param, tmp_path_factory.mktemp("java"), require) as programs:
        assert programs.consumer.process.pid  # started here: it is the module's, no test's
        yield programs


class Caller:
    """The JVM as a test sees it: what it is asked comes back without blocking the loop."""

    def __init__(self, consumer: JavaConsumer, address: str) -> None:
        self.consumer = consumer
        self.address = address

    async def ask(self, op: str, **request: Any) -> Any:
        future = self.consumer.submit(op=op, **{"address": self.address, **request})
        async with asyncio.timeout(25):
            await asyncio.wrap_future(future)
        return self.consumer.result(future)

    async def call(self, method: str, *args: Any, **request: Any) -> Any:
        return await self.ask("call", method=method, args=args, **request)

    async def fails(self, method: str, *args: Any, **request: Any) -> JavaError:
        """What the call raises in Java."""
        with pytest.raises(JavaError) as raised:
            await self.call(method, *args, **request)
        return raised.value


@contextlib.asynccontextmanager
async def called(java: Java, **options: Any) -> AsyncIterator[Caller]:
    """Our service, and Java to call it. Dubbo's consumers replace 127.0.0.1 with an address of the machine's own."""
    async with serve(AllTypes, Service("/"), host="0.0.0.0", **options) as server:
        caller = Caller(java.consumer, f"127.0.0.1:{server.address.rpartition(':')[2]}")
        try:
            yield caller
        finally:
            await caller.ask("forget")


LOST = {
    "Double.minus-zero": "float -0.0 became float 0.0",  # by Java
    "LocalTime.nanos": "13:14:15.123456789 became java.time.LocalTime 13:14:15.123456",  # Python has no nanoseconds
    # Dubbo before 3.3 counts a UUID otherwise than 3.3: behind one, we send copies instead of references.
    "Fields.full": "$.points[0]: what is one object and what are two has changed",
    "Object.fields": "$.points[0]: what is one object and what are two has changed",
}


def test_every_type_there_and_back(java: Java, run: Run) -> None:
    async def main() -> dict[str, str]:
        wrong = {}
        async with called(java) as caller:
            names = await caller.ask("names")
            assert set(names) == set(SAMPLES)
            for name in names:
                try:
                    why = await caller.ask("sample", name=name)
                except JavaError as error:
                    why = str(error)[-500:]
                if why is not None and not why.endswith(LOST.get(name, "?")):
                    wrong[name] = why
        return wrong

    assert run(main(), limit=60.0) == {}
