"""What every test may rely on.

``run`` runs a coroutine on each kind of event loop, so a test that uses it runs three times. Beyond the
test's own asserts it fails when the loop was told of an unhandled exception, and when a task, a thread or a
file descriptor outlives the test. Warnings, unclosed resources among them, are errors (pyproject.toml).

``require`` says what a test cannot do without: missing, the test is skipped, or fails where
``RPCORE_TEST_REQUIRE`` names it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from rig_java import Java

try:
    import uvloop
except ImportError:  # not made for this platform
    uvloop = None

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs us in the background ignores Ctrl-C for us and for all our children; tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

T = TypeVar("T")
Run = Callable[..., Any]

# name -> (loop factory, debug mode)
LOOPS: dict[str, tuple[Callable[[], asyncio.AbstractEventLoop], bool]] = {
    "asyncio-debug": (asyncio.SelectorEventLoop, True),
    "asyncio": (asyncio.SelectorEventLoop, False),
}
if uvloop is not None:
    LOOPS["uvloop"] = (uvloop.new_event_loop, False)

CALL_LIMIT = 30.0
"""Seconds after which ``run`` gives up on a coroutine: a hang is then a failure with a traceback."""

SETTLE = 2.0
"""Seconds that whatever a test closed may take to be gone. Waited for only while something is left."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``run`` is every kind of loop; one kind where a module says ``ONE_LOOP = True`` or a test has its own mark."""
    marked = any("run" in str(mark.args[0]).split(",") for mark in metafunc.definition.iter_markers("parametrize"))
    if "run" in metafunc.fixturenames and not marked:
        loops = list(LOOPS)
        one = getattr(metafunc.module, "ONE_LOOP", False) is True
        metafunc.parametrize("run", loops[-1:] if one else loops, indirect=True)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """``run(coroutine)`` returns its result; several runs in one test share one loop."""
    factory, debug = LOOPS[request.param]
    factory().close()  # what a loop's first use opens for good is no leak
    before = _threads() | _descriptors()
    unhandled: list[str] = []
    with asyncio.Runner(loop_factory=factory, debug=debug) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: unhandled.append(_describe(context)))

        def run(coroutine: Coroutine[Any, Any, T], *, limit: float = CALL_LIMIT) -> T:
            return runner.run(_bounded(coroutine, limit))

        yield run
        tasks = runner.run(_left_tasks())
        gc.collect()  # futures that hold an exception nobody fetched report it now
    gc.collect()
    left = _settled(lambda: (_threads() | _descriptors()) - before)
    problems = [f"unhandled in the loop: {text}" for text in unhandled]
    problems += [f"left behind: {what}" for what in [*tasks, *sorted(left)]]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


async def _bounded(coroutine: Coroutine[Any, Any, T], limit: float) -> T:
    try:
        async with asyncio.timeout(limit) as scope:
            return await coroutine
    except TimeoutError as exc:
        if scope.expired():  # not an error of the code under test, which a test might expect
            raise AssertionError(f"still running after {limit} s") from exc
        raise


async def _left_tasks() -> list[str]:
    """Tasks that do not end by themselves within ``SETTLE``."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if not others:
        return []
    _, pending = await asyncio.wait(others, timeout=SETTLE)
    return [repr(task) for task in pending]


def _settled(left: Callable[[], set[str]]) -> set[str]:
    until = time.monotonic() + SETTLE
    while (remaining := left()) and time.monotonic() < until:
        time.sleep(0.01)
    return remaining


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}


def _descriptors() -> set[str]:
    """Open file descriptors with what they are; empty where /proc does not tell."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for fd in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                found.add(f"descriptor {fd} -> {os.readlink(f'/proc/self/fd/{fd}')}")
    return found


def _describe(context: dict[str, Any]) -> str:
    return ", ".join(f"{key}: {value!r}" for key, value in context.items())


@pytest.fixture(scope="session")
def require() -> Callable[[str, str], NoReturn]:
    """``require("java", "install a JRE 17")``: this test cannot run here, because that is missing.

    Skips with the reason. ``RPCORE_TEST_REQUIRE=all``, or a list such as ``java,zookeeper`` with the name in
    it, makes it a failure instead: a build that is meant to have everything cannot pass by skipping.
    """

    def missing(name: str, reason: str) -> NoReturn:
        required = os.environ.get("RPCORE_TEST_REQUIRE", "").replace(",", " ").split()
        if "all" in required or name in required:
            pytest.fail(f"{name} is required here: {reason}", pytrace=False)
        pytest.skip(f"{name}: {reason}")

    return missing


@pytest.fixture(scope="session")
def java_of(
    require: Callable[[str, str], NoReturn], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Java]]:
    """``java_of("3.3.6")``: the JVMs of that version of Dubbo, started when first asked for and once in a run."""
    from rig_java import Java

    rigs: dict[str, Java] = {}

    def of(version: str) -> Java:
        if version not in rigs:
            rigs[version] = Java(version, tmp_path_factory.mktemp(f"java-{version}"), require)
        return rigs[version]

    yield of
    for rig in rigs.values():
        rig.close()
