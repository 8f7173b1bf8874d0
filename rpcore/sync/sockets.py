"""Connecting a socket, with and without a loop, and asking which sockets can be read."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Iterable
from typing import Any

from rpcore.transport import parse_address

clock = time.monotonic


def readable_now(descriptors: Iterable[int]) -> set[int]:
    """Those with something to read, closed ones among them; does not wait."""
    poll = select.poll()
    for fd in descriptors:
        if fd >= 0:
            poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll(0)}


def _tune(sock: socket.socket) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def connect(address: str, until: float) -> socket.socket:
    """A connected socket in blocking mode, by ``until`` on the monotonic clock; raises OSError."""
    failure: OSError = OSError("the name has no address")
    try:
        for family, where in _addresses(address):
            sock = socket.socket(family)
            try:
                sock.settimeout(max(until - clock(), 0.001))
                sock.connect(where)
                sock.settimeout(None)
                _tune(sock)
                return sock
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        raise failure
    finally:
        del failure  # its traceback refers to this frame


async def connect_on_loop(address: str) -> socket.socket:
    """A connected socket in non-blocking mode; raises OSError."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("the name has no address")
    try:
        try:
            found = _addresses(address, socket.AI_NUMERICHOST)
        except socket.gaierror:  # a name
            found = await loop.run_in_executor(None, _addresses, address)
        for family, where in found:
            sock = socket.socket(family)
            try:
                sock.setblocking(False)
                await loop.sock_connect(sock, where)
                _tune(sock)
                return sock
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
        raise failure
    finally:
        del failure


def _addresses(address: str, flags: int = 0) -> list[tuple[int, Any]]:
    """Where ``address`` leads: family and socket address of each possibility."""
    host, port = parse_address(address)
    if host.startswith("unix:"):
        return [(socket.AF_UNIX, host[5:])]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, where) for family, _, _, _, where in found]


async def readable(fd: int) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
