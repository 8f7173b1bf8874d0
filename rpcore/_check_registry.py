"""The contract of ``rpcore.abc.Registry`` as checks that anybody's registry can be put through.

Each check is a coroutine function whose docstring is the sentence it proves; ``check_registry`` runs them one
by one. They know nothing about an adapter but how to make one, and wait for what must come instead of
sleeping; only "nothing comes" needs a time to wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from rpcore.abc import Registry
from rpcore.errors import RpcError
from rpcore.model import Instance, Options, ServiceKey

Instances = tuple[Instance, ...]
_serial = itertools.count(1)


class Log:
    """A listener that keeps every list it was told, in order."""

    def __init__(self) -> None:
        self.lists: list[Instances] = []
        self._news = asyncio.Event()

    def __call__(self, instances: Instances) -> None:
        self.lists.append(instances)
        self._news.set()

    @property
    def last(self) -> Instances | None:
        return self.lists[-1] if self.lists else None

    async def until(self, expected: Iterable[Instance] | Callable[[Instances], bool], settle: float) -> None:
        """Wait until the newest list is as expected. Raises AssertionError after ``settle`` seconds."""
        if not callable(expected):
            wanted = _sorted(expected)
            expected = wanted.__eq__
            what = f"{len(wanted)} instances: {_show(wanted)}"
        else:
            what = "another list"
        try:
            async with asyncio.timeout(settle):
                while not (self.lists and expected(self.lists[-1])):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            seen = "nothing was told" if self.last is None else f"the last list was {_show(self.last)}"
            raise AssertionError(f"after {settle} s a listener should have {what}; {seen}") from None


@dataclass
class Bench:
    """What a check works with."""

    make: Callable[[], Registry]
    settle: float
    quiet: float
    burst: int
    lose_session: Callable[[Registry], Awaitable[None]] | None
    service: ServiceKey = field(
        default_factory=lambda: ServiceKey(f"org.rpcore.check.Service{next(_serial)}", "blue", "1.0.0")
    )

    @contextlib.asynccontextmanager
    async def registry(self) -> AsyncIterator[Registry]:
        registry = self.make()
        await registry.start()
        try:
            yield registry
        finally:
            await registry.aclose()

    def instance(self, number: int = 1, **fields: Any) -> Instance:
        fields = {"service": self.service, "host": f"10.0.0.{number}", "port": 20880, **fields}
        return Instance(**fields)

    async def nothing_new(self, log: Log) -> None:
        """Fails when the listener is told something within ``quiet`` seconds."""
        before = len(log.lists)
        await asyncio.sleep(self.quiet)
        assert len(log.lists) == before, f"told without a change: {_show(log.lists[-1])}"


async def first_list(bench: Bench) -> None:
    """A listener is told the present list at once, also an empty one, and of the first provider in time."""
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        await log.until([], bench.settle)
        one = bench.instance()
        await provider.register(one)
        await log.until([one], bench.settle)
        late = Log()
        await consumer.subscribe(bench.service, late)
        await late.until([one], bench.settle)
        assert late.lists == [(one,)], f"a later listener was told {late.lists}, not just the present list"


async def every_field(bench: Bench) -> None:
    """Every field of an instance arrives as it was registered."""
    full = bench.instance(
        weight=7,
        warmup=12.5,
        timestamp=1_700_000_000.25,
        tag="grün",
        application="shop",
        methods=("find", "findAll"),
        options=Options(timeout=0.25, retries=0, loadbalance="leastactive", idempotent=False),
        method_options={"find": Options(timeout=1.5, idempotent=True)},
        params={"rpcore.serialization": "msgpack", "x": "a=b&c/d%20 ü"},
    )
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        await provider.register(full)
        await log.until([full], bench.settle)


async def replace_instance(bench: Bench) -> None:
    """Registering the same address again replaces what was published, and nobody sees it vanish meanwhile."""
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        await provider.register(bench.instance())
        await log.until([bench.instance()], bench.settle)
        seen = len(log.lists)
        for weight in range(200, 210):
            newer = bench.instance(weight=weight, tag="gray", options=Options(timeout=weight / 100))
            await provider.register(newer)
            await asyncio.sleep(0)
        await log.until([newer], bench.settle)
        assert all(log.lists[seen:]), "the provider vanished for a moment while it was replaced"
        await provider.register(newer)
        await bench.nothing_new(log)


async def unregister(bench: Bench) -> None:
    """Unregistering tells the listeners; doing so twice, or for a stranger, is no error."""
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        one, two = bench.instance(1), bench.instance(2)
        await provider.register(one)
        await provider.register(two)
        await log.until([one, two], bench.settle)
        await provider.unregister(replace(one, weight=1))  # the same identity
        await log.until([two], bench.settle)
        await provider.unregister(one)
        await provider.unregister(bench.instance(3))
        await bench.nothing_new(log)
        await provider.register(one)
        await log.until([one, two], bench.settle)


async def only_own_instances(bench: Bench) -> None:
    """A registry object that takes back an address leaves the same address of another object alone."""
    async with bench.registry() as former, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        old, new = bench.instance(weight=1), bench.instance(weight=2)
        await former.register(old)
        await log.until([old], bench.settle)
        async with bench.registry() as successor:  # a rolling restart on one port
            await successor.register(new)
            await log.until([new], bench.settle)
            await former.unregister(old)
            await bench.nothing_new(log)
        await log.until([], bench.settle)


async def two_consumers(bench: Bench) -> None:
    """All consumers see the same, also two in one registry object and one that is a provider itself."""
    async with bench.registry() as provider, bench.registry() as consumer:
        logs = [Log(), Log(), Log()]
        await provider.subscribe(bench.service, logs[0])
        await consumer.subscribe(bench.service, logs[1])
        await consumer.subscribe(bench.service, logs[2])
        mine, theirs = bench.instance(1), bench.instance(2)
        await provider.register(mine)
        await consumer.register(theirs)
        for log in logs:
            await log.until([mine, theirs], bench.settle)


async def order_and_duplicates(bench: Bench) -> None:
    """Lists are tuples sorted by address, with each address once, however often it was registered."""
    async with bench.registry() as one, bench.registry() as two, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        numbers = [9, 3, 12, 1, 100, 2]
        for number in numbers:
            await one.register(bench.instance(number))
            await two.register(bench.instance(number))
        await log.until([bench.instance(number) for number in numbers], bench.settle)
        for told in log.lists:
            addresses = [instance.address for instance in told]
            assert addresses == sorted(set(addresses)), f"not sorted by address, or not unique: {addresses}"
            assert isinstance(told, tuple)


async def exact_service(bench: Bench) -> None:
    """Interface, group and version must all be equal: no listener hears of a neighbour."""
    neighbours = [
        replace(bench.service, group=""),
        replace(bench.service, version=""),
        replace(bench.service, group="", version=""),
        replace(bench.service, group=bench.service.version, version=bench.service.group),
        replace(bench.service, interface=bench.service.interface + "x"),
        replace(bench.service, interface=bench.service.interface.upper()),
    ]
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        for number, key in enumerate(neighbours, 1):
            await provider.register(bench.instance(number, service=key))
        one = bench.instance(100)
        await provider.register(one)
        await log.until([one], bench.settle)
        for number, key in enumerate(neighbours, 1):
            other = Log()
            await consumer.subscribe(key, other)
            await other.until([bench.instance(number, service=key)], bench.settle)
        await bench.nothing_new(log)


async def unusual_keys(bench: Bench) -> None:
    """Any text works as a key, and any address: IPv6, a Unix socket, a host name."""
    name = bench.service.interface
    keys = [
        ServiceKey(name, "Gruppe/ä ö", "1.0:rc*?"),
        ServiceKey(name + ".Ünïcode服务", "", "../../etc"),
        ServiceKey(name + "%2F&a=b;c", "x@y", "~"),
        ServiceKey(name + "." + "Long" * 60, "g" * 120, "v" * 120),
    ]
    hosts = [("::1", 20880), ("unix:/run/my app/ä.sock", 0), ("db-1.example.org", 1), ("127.0.0.1", 65535)]
    async with bench.registry() as provider, bench.registry() as consumer:
        for key in keys:
            log = Log()
            await consumer.subscribe(key, log)
            instances = [Instance(key, host, port) for host, port in hosts]
            for instance in instances:
                await provider.register(instance)
            await log.until(instances, bench.settle)


async def close_subscription(bench: Bench) -> None:
    """A closed subscription is told nothing more, also when a listener closes it; closing twice is fine."""
    async with bench.registry() as provider, bench.registry() as consumer:
        ended, stays, own = Log(), Log(), Log()
        subscription = await consumer.subscribe(bench.service, ended)
        await consumer.subscribe(bench.service, stays)
        await ended.until([], bench.settle)

        def close_at_first_provider(instances: Instances) -> None:
            own(instances)
            if instances:
                closing.close()

        closing = await consumer.subscribe(bench.service, close_at_first_provider)
        subscription.close()
        subscription.close()
        await provider.register(bench.instance(1))
        await stays.until([bench.instance(1)], bench.settle)
        await own.until([bench.instance(1)], bench.settle)
        await provider.register(bench.instance(2))
        await stays.until([bench.instance(1), bench.instance(2)], bench.settle)
        assert ended.lists == [()], f"told after close(): {ended.lists[1:]}"
        assert own.last == (bench.instance(1),), "told after the listener had closed its own subscription"
        again = Log()
        await consumer.subscribe(bench.service, again)
        await again.until([bench.instance(1), bench.instance(2)], bench.settle)


async def failing_listener(bench: Bench) -> None:
    """A listener that raises is logged, is told again later, and does not disturb the others."""

    class Fails(Log):
        def __call__(self, instances: Instances) -> None:
            super().__call__(instances)
            raise RuntimeError("a listener that fails, on purpose")

    async with bench.registry() as provider, bench.registry() as consumer:
        fails, works = Fails(), Log()
        with _records() as records:
            await consumer.subscribe(bench.service, fails)
            await consumer.subscribe(bench.service, works)
            await provider.register(bench.instance())
            await works.until([bench.instance()], bench.settle)
            await fails.until([bench.instance()], bench.settle)
            await provider.unregister(bench.instance())
            await works.until([], bench.settle)
            await fails.until([], bench.settle)
        assert any(record.exc_info for record in records), "the failure of a listener was not logged"


async def burst(bench: Bench) -> None:
    """Many changes at once come as few notifications."""
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        everything = [bench.instance(host=f"10.1.{n >> 8}.{n & 255}") for n in range(bench.burst)]
        await asyncio.gather(*(provider.register(instance) for instance in everything))
        await log.until(everything, bench.settle)
        assert len(log.lists) <= 2 + bench.burst // 4, f"{len(log.lists)} notifications for {bench.burst} changes"


async def listing(bench: Bench) -> None:
    """``instances()`` knows all providers of all services at this moment."""
    other = replace(bench.service, interface=bench.service.interface + ".Other")
    async with bench.registry() as provider, bench.registry() as operator:
        expected = [bench.instance(1), bench.instance(2), bench.instance(1, service=other)]

        async def listed() -> list[Instance]:
            return [i for i in await operator.instances() if i.service in (bench.service, other)]

        for instance in expected:
            await provider.register(instance)
        await _until_equal(listed, expected, bench.settle)
        await provider.unregister(expected[0])
        await _until_equal(listed, expected[1:], bench.settle)


async def close_registry(bench: Bench) -> None:
    """``aclose`` takes back what was registered, ends subscriptions, works twice; a new object can follow."""
    async with bench.registry() as consumer, bench.registry() as provider:
        log, ended = Log(), Log()
        await consumer.subscribe(bench.service, log)
        await provider.subscribe(bench.service, ended)
        await provider.register(bench.instance(1))
        await provider.register(bench.instance(2))
        await log.until([bench.instance(1), bench.instance(2)], bench.settle)
        await provider.aclose()
        told = len(ended.lists)
        await provider.aclose()
        await log.until([], bench.settle)
        async with bench.registry() as successor:
            await successor.register(bench.instance(1))
            await log.until([bench.instance(1)], bench.settle)
        assert len(ended.lists) == told, "a listener was told something after aclose()"


async def misuse(bench: Bench) -> None:
    """Before ``start`` and after ``aclose`` an operation says so; closing what was never started is fine."""
    registry = bench.make()
    for state in ("not started", "closed"):
        for operation in (
            registry.register(bench.instance()),
            registry.unregister(bench.instance()),
            registry.subscribe(bench.service, Log()),
            registry.instances(),
        ):
            try:
                await operation
            except RpcError:
                continue
            raise AssertionError(f"{operation!r} of a registry that is {state} raised nothing")
        if state == "not started":
            await registry.start()
            await registry.aclose()
    await bench.make().aclose()


async def session_loss(bench: Bench) -> None:
    """After a lost session, providers are registered again and consumers see changes again."""
    assert bench.lose_session is not None
    async with bench.registry() as provider, bench.registry() as consumer:
        log = Log()
        await consumer.subscribe(bench.service, log)
        await provider.register(bench.instance(1))
        await log.until([bench.instance(1)], bench.settle)
        await bench.lose_session(provider)
        await log.until([bench.instance(1)], bench.settle)
        await bench.lose_session(consumer)
        await provider.register(bench.instance(2))
        await log.until([bench.instance(1), bench.instance(2)], bench.settle)


_CHECKS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    check.__name__: check
    for check in (
        first_list,
        every_field,
        replace_instance,
        unregister,
        only_own_instances,
        two_consumers,
        order_and_duplicates,
        exact_service,
        unusual_keys,
        close_subscription,
        failing_listener,
        burst,
        listing,
        close_registry,
        misuse,
        session_loss,
    )
}


def registry_checks() -> tuple[str, ...]:
    """The names of all checks, to make one test of each."""
    return tuple(_CHECKS)


async def check_registry(
    make: Callable[[], Registry],
    *,
    settle: float = 2.0,
    quiet: float = 0.2,
    burst: int = 100,
    lose_session: Callable[[Registry], Awaitable[None]] | None = None,
    only: Iterable[str] | None = None,
) -> None:
    """Put a registry through the contract of ``rpcore.abc.Registry``.

    Args:
        make: makes a registry object that is not started; all of them share one backing store. The checks
            use service names of their own, so the store need not be empty.
        settle: seconds a change may take to arrive.
        quiet: seconds in which a change that must not arrive would have arrived.
        burst: how many providers come at once in the check of that name.
        lose_session: makes the given registry lose its session, as an expiry or a cut does. Without it the
            check ``session_loss`` is left out.
        only: names of the checks to run (see ``registry_checks``); all of them by default.

    Raises:
        ExceptionGroup: what failed; each exception has a note that names the check and what it proves.
    """
    names = tuple(only) if only is not None else registry_checks()
    failures: list[Exception] = []
    for name in names:
        if name == "session_loss" and lose_session is None:
            continue
        bench = Bench(make, settle, quiet, burst, lose_session)
        try:
            await _CHECKS[name](bench)
        except Exception as exc:
            exc.add_note(f"check {name!r}: {_CHECKS[name].__doc__}")
            failures.append(exc)
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(names)} registry checks failed", failures)


def _sorted(instances: Iterable[Instance]) -> Instances:
    return tuple(sorted(instances, key=lambda instance: instance.address))


def _show(instances: Instances) -> str:
    shown = ", ".join(f"{i.address} weight {i.weight}" for i in instances[:5])
    return f"[{shown}{', …' if len(instances) > 5 else ''}]"


async def _until_equal(read: Callable[[], Awaitable[list[Instance]]], expected: list[Instance], settle: float) -> None:
    def by_identity(instance: Instance) -> tuple[ServiceKey, str]:
        return instance.identity

    loop = asyncio.get_running_loop()
    until = loop.time() + settle
    while (found := sorted(await read(), key=by_identity)) != sorted(expected, key=by_identity):
        assert loop.time() < until, f"instances() gives {_show(tuple(found))}, not {_show(tuple(expected))}"
        await asyncio.sleep(settle / 100)


class _Keep(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextlib.contextmanager
def _records() -> Iterator[list[logging.LogRecord]]:
    """What is logged under ``rpcore``, kept from the handlers of the application."""
    records: list[logging.LogRecord] = []
    handler = _Keep(records)
    logger = logging.getLogger("rpcore")
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield records
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
