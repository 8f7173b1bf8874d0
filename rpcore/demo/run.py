"""The demo's story: build an index, serve it by three processes, search it, and let providers come and go.

Each chapter of the story is a ``Phase`` whose calls are counted by themselves. The consumer (another process)
measures and this one watches, so nothing here runs between a call and its answer. All processes are ours,
known by pid, and ended when this one ends, whatever the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from rpcore.cli.failures import INTERRUPTED
from rpcore.cli.output import print_json
from rpcore.demo import results
from rpcore.demo.api import Search
from rpcore.demo.consumer import EVERY, Report
from rpcore.demo.index import Index, library_root, read_library
from rpcore.demo.measure import Measures, Phase
from rpcore.demo.processes import Child, ProcessFailed, consumer, provider, reports
from rpcore.demo.provider import WARMUP
from rpcore.demo.show import Display, Live, Plain, Row, Silent, View, milliseconds
from rpcore.model import Instance
from rpcore.registry.file import FileRegistry
from rpcore.service import interface_spec

STARTUP = 30.0
"""Seconds a process may take until it serves."""
SETTLED = 1.0
"""Seconds that a phase goes on after what it is about has happened."""


@dataclass(slots=True)
class Provider:
    """One provider process and what we know about it."""

    name: str
    child: Child
    state: str = "starting"
    instance: Instance | None = None
    expected_to_end: bool = False

    @property
    def address(self) -> str:
        return self.instance.address if self.instance else ""


class Demo:
    """One run.

    Args:
        seconds: how long the consumer searches, over all phases; a phase may last longer.
        concurrency: calls in flight.
        source: directory of Python source to index; the standard library when None.
        keep: whether to leave the providers running at the end, until Ctrl-C.
        plain: lines instead of a live display.
        as_json: only the results, as JSON.
    """

    def __init__(
        self,
        *,
        seconds: float = 20.0,
        concurrency: int = 16,
        source: Path | None = None,
        keep: bool = False,
        plain: bool = False,
        as_json: bool = False,
    ) -> None:
        self.seconds = seconds
        self.concurrency = concurrency
        self.source = source
        self.keep = keep
        self.as_json = as_json
        self.phases: list[Phase] = []
        self.providers: dict[str, Provider] = {}
        self.problems: list[str] = []
        self.entries = 0
        self._children: list[Child] = []
        self._watching: list[asyncio.Task[None]] = []
        self._total = Measures()
        self._recent: deque[tuple[float, Report]] = deque()
        self._reported = asyncio.Event()
        self._live = not plain and not as_json and sys.stdout.isatty()

    async def run(self) -> int:
        """Play it; returns the exit code: 0 when no call failed and every process ended as it should.

        SIGINT and SIGTERM end it early, and its processes with it.
        """
        main = asyncio.current_task()
        assert main is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
        with tempfile.TemporaryDirectory(prefix="rpcore-demo-") as directory:
            self.directory = Path(directory)
            self.registry = FileRegistry(self.directory / "registry")
            self.watch = Watch()
            try:
                return await self._play()
            except asyncio.CancelledError:
                click.echo("rpcore: interrupted", err=True)
                return INTERRUPTED
            finally:
                await self._end_processes()
                await self.registry.aclose()

    async def _play(self) -> int:
        self.display: Display = Silent() if self.as_json else Live() if self._live else Plain()
        try:
            await self._build_index()
            await self.registry.start()
            await self.registry.subscribe(interface_spec(Search).key, self.watch.told)
            async with asyncio.TaskGroup() as group:
                await self._story(group)
                for task in self._watching:
                    task.cancel()
        except* ProcessFailed as failed:
            self.problems += [str(error) for error in failed.exceptions]
            self.phases = self.phases[:-1]  # its counts would only say the same
        finally:
            self.display.close()
        self.problems += results.problems_of(self.phases)
        self._print_results()
        if self.keep and not self.problems:
            await self._wait_for_interrupt()
        return 1 if self.problems else 0

    # --- the story ----------------------------------------------------------------------------------------

    async def _build_index(self) -> None:
        processes = min(os.cpu_count() or 1, 8)
        library = f"the standard library of Python {platform.python_version()}"
        self.display.say(f"reading {self.source or library}")
        began = time.perf_counter()
        rows = await asyncio.to_thread(read_library, self.source or library_root(), processes=processes)
        index = await asyncio.to_thread(Index.build, rows)
        index.save(str(self.index))
        self.entries = len(index)
        seconds = time.perf_counter() - began
        self.display.say(f"{self.entries:,} modules, classes and functions indexed in {seconds:.1f} s")

    async def _story(self, group: asyncio.TaskGroup) -> None:
        await asyncio.gather(*(self._start_provider(name, group) for name in "ABC"))
        self.display.say(f"providers A, B and C serve; warm-up is {WARMUP:g} s here instead of 10 minutes")
        await self._start_consumer(group)
        await self._phase("A, B and C serve", 0.25, self._nothing)
        await self._phase("SIGKILL of B", 0.25, self._kill, "B")
        await self._phase("D joins", 0.25, self._join, "D", group)
        await self._phase("SIGTERM to A", 0.25, self._drain, "A")

    async def _phase(self, title: str, part: float, action: Callable[..., Awaitable[str]], *arguments: Any) -> None:
        """Do ``action``, and count the calls from then on for this part of the time."""
        phase = Phase(title)
        ends = time.monotonic() + part * self.seconds
        self.phases.append(phase)
        phase.outcome = await action(*arguments)
        if phase.outcome:
            self.display.say(f"{title}: {phase.outcome}")
        await asyncio.sleep(max(ends - time.monotonic(), SETTLED))
        self._reported.clear()
        await self._reported.wait()  # the report that covers the end

    async def _nothing(self) -> str:
        return ""

    async def _kill(self, name: str) -> str:
        victim = self.providers[name]
        victim.expected_to_end = True
        began = time.monotonic()
        victim.child.kill()
        await self.watch.until(lambda: victim.child.pid not in self.watch.by_pid)
        victim.state = "killed"
        return f"gone from the registry after {milliseconds(time.monotonic() - began)}"

    async def _join(self, name: str, group: asyncio.TaskGroup) -> str:
        began = time.monotonic()
        await self._start_provider(name, group)
        return f"registered {time.monotonic() - began:.1f} s after its process was started"

    async def _drain(self, name: str) -> str:
        leaver = self.providers[name]
        leaver.expected_to_end = True
        leaver.state = "draining"
        began = time.monotonic()
        code = await leaver.child.stop()
        leaver.state = "stopped"
        if code != 0:
            self.problems.append(f"provider {name} ended with exit code {code} after SIGTERM")
        return f"drained and ended in {time.monotonic() - began:.1f} s with exit code {code}"

    # --- processes ----------------------------------------------------------------------------------------

    @property
    def index(self) -> Path:
        return self.directory / "index"

    async def _start_provider(self, name: str, group: asyncio.TaskGroup) -> None:
        """Start a provider, wait until it is registered, and have an unexpected end of it end the demo."""
        child = provider(name, self.registry.url, self.index, self.directory)
        made = self.providers[name] = Provider(name, child)
        self._children.append(child)
        await child.start()
        self._watching.append(group.create_task(self._guard(made), name=f"demo guard {name}"))
        await self._ready(child, self.watch.until(lambda: child.pid in self.watch.by_pid))
        made.instance = self.watch.by_pid[child.pid]
        made.state = "serving"

    async def _ready(self, child: Child, sign: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(STARTUP):
                await sign
        except TimeoutError:
            raise child.delay(STARTUP) from None

    async def _guard(self, made: Provider) -> None:
        await made.child.ended()
        if not made.expected_to_end:
            raise made.child.failure()

    async def _start_consumer(self, group: asyncio.TaskGroup) -> None:
        child = consumer(self.registry.url, self.concurrency, self.directory)
        self._children.append(child)
        await child.start()
        self._watching.append(group.create_task(self._listen(child), name="demo consumer"))
        await self._ready(child, self._reported.wait())
        self.display.say(f"the consumer (pid {child.pid}) searches with {self.concurrency} calls in flight")

    async def _listen(self, child: Child) -> None:
        before = 0.0
        async for report in reports(child):
            seconds, before = report["now"] - before if before else EVERY, report["now"]
            if self.phases:
                self.phases[-1].measures.add(report, seconds)
                self._total.add(report, seconds)
            self._recent.append((seconds, report))
            while sum(seconds for seconds, _ in self._recent) > 1.0 + EVERY / 2:
                self._recent.popleft()
            self.display.tick(self._view())
            self._reported.set()
        await child.ended()
        raise child.failure()

    def _view(self) -> View:
        recent = Measures()
        for seconds, report in self._recent:
            recent.add(report, seconds)
        shares = recent.shares()
        return View(
            self.phases[-1].title if self.phases else "starting",
            recent,
            self._total,
            [
                Row(each.name, each.child.pid, each.address, each.state, shares.get(each.address, 0.0))
                for each in self.providers.values()
            ],
        )

    async def _end_processes(self) -> None:
        """End what still runs. The consumer goes first, so that nobody calls a provider that is ending."""
        for each in self.providers.values():
            each.expected_to_end = True
        await self._end_consumer()
        running = [child for child in self._children if child.running]
        await asyncio.gather(*(child.stop() for child in running))

    async def _end_consumer(self) -> None:
        for child in self._children:
            if child.output and child.running:
                child.kill()
                await child.ended()

    # --- the end ------------------------------------------------------------------------------------------

    def _print_results(self) -> None:
        names = {each.address: each.name for each in self.providers.values()}
        if self.as_json:
            print_json(results.as_json(self.phases, self.problems, names=names, entries=self.entries))
            return
        results.print_phases([*self.phases, Phase("all", measures=self._total)])
        for problem in self.problems:
            click.echo(f"rpcore: {problem}", err=True)
        if not self.problems:
            click.echo("No call failed: what was in flight to the killed provider was retried elsewhere.")
        if not self.keep:
            click.echo(f"To go on by hand: {results.command()} demo --keep")

    async def _wait_for_interrupt(self) -> None:
        await self._end_consumer()  # nobody reads its reports any more
        serving = {each.name: each.child.pid for each in self.providers.values() if each.state == "serving"}
        results.print_next_steps(self.registry.url, serving)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


class Watch:
    """The registry's list, by process."""

    def __init__(self) -> None:
        self.by_pid: dict[int, Instance] = {}
        self._changed = asyncio.Event()

    def told(self, instances: tuple[Instance, ...]) -> None:
        """A new list has arrived."""
        self.by_pid = {int(instance.params["pid"]): instance for instance in instances}
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a list fulfils ``condition``."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
