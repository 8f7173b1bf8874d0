"""A child that a provider forked does not keep the provider's port when it outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROVIDER = """
import asyncio, os, sys, time
from typing import Protocol
import rpcore

@rpcore.interface("test.Service")
class Service(Protocol):
    async def ping(self) -> None: ...

class Impl:
    async def ping(self) -> None: ...

async def main() -> None:
    server = rpcore.Server(register=False, host="127.0.0.1", port=0)
    server.export(Service, Impl())
    await server.start()
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, server.port, flush=True)
    await asyncio.sleep(60)

RUN(main())
"""


def wait_until_free(port: int) -> None:
    """Bind the port; the child gives its copy up in its own time after the fork."""
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < end, "the child still holds the port"
            time.sleep(0.02)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("runner", ["asyncio.run", "rpcore.run"])
def test_the_port_is_free_when_only_a_forked_child_is_left(runner: str) -> None:
    program = PROVIDER.replace("RUN", runner)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as provider:
        assert provider.stdout is not None
        child, port = map(int, provider.stdout.readline().split())
        provider.kill()
        provider.wait(30)
        try:
            os.kill(child, 0)  # it lives
            wait_until_free(port)
        finally:
            os.kill(child, signal.SIGKILL)
