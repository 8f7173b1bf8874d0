"""Pyro5 on threads with its msgpack serializer (the fastest it has): a thread and a connection per caller."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import Pyro5.api
from Pyro5 import config

from bench import harness
from bench.workloads import VALUES, Record

config.SERIALIZER = "msgpack"
config.SERVERTYPE = "thread"
config.THREADPOOL_SIZE = 512
config.SOCK_NODELAY = True


@Pyro5.api.expose
class Echo:
    """The handler."""

    def echo(self, value: Any) -> Any:
        return value


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo."""
    with Pyro5.api.Daemon(host="127.0.0.1", port=0) as daemon:
        daemon.register(Echo(), "bench.echo")
        ready(daemon.locationStr)
        daemon.requestLoop()


@contextmanager
def client(mode: str, address: str) -> Iterator[harness.Calls]:
    """A connection."""
    with Pyro5.api.Proxy(f"PYRO:bench.echo@{address}") as echo:
        yield {
            name: harness.Call(echo.echo, dataclasses.asdict(value) if isinstance(value, Record) else value)
            for name, value in VALUES.items()
        }


if __name__ == "__main__":
    harness.main(serve, threaded=client)
