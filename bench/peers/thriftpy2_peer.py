"""thriftpy2 with its Cython protocol and transport: on both sides a thread per connection."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import thriftpy2
from thriftpy2.protocol import TCyBinaryProtocolFactory
from thriftpy2.rpc import client_context
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TCyBufferedTransportFactory, TServerSocket

from bench import harness
from bench.workloads import VALUES, Record

IDL = """
struct Author { 1: string name, 2: string mail, 3: string city, 4: string team }
struct Record {
    1: i64 id, 2: string title, 3: string summary, 4: list<string> tags, 5: Author author,
    6: list<double> scores, 7: i32 revision, 8: bool published
}
service Echo {
    string text(1: string value)
    Record record(1: Record value)
    binary blob(1: binary value)
}
"""
thrift = thriftpy2.load_fp(io.StringIO(IDL), module_name="bench_thrift")


class Echo:
    """The handler."""

    def text(self, value: str) -> str:
        return value

    def record(self, value: Any) -> Any:
        return value

    def blob(self, value: bytes) -> bytes:
        return value


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo."""
    socket = TServerSocket("127.0.0.1", 0, client_timeout=None)
    socket.listen()
    host, port = socket.sock.getsockname()
    socket.listen = lambda: None  # it listens already, so that the port is known
    server = TThreadedServer(
        TProcessor(thrift.Echo, Echo()),
        socket,
        iprot_factory=TCyBinaryProtocolFactory(),
        itrans_factory=TCyBufferedTransportFactory(),
        daemon=True,
    )
    ready(f"{host}:{port}")
    server.serve()


def struct_of(value: Any) -> Any:
    """A value in thriftpy2's own type."""
    if not isinstance(value, Record):
        return value
    return thrift.Record(**{**vars(value), "author": thrift.Author(**dataclasses.asdict(value.author))})


@contextmanager
def client(mode: str, address: str) -> Iterator[harness.Calls]:
    """A connection."""
    host, port = address.split(":")
    with client_context(
        thrift.Echo,
        host,
        int(port),
        connect_timeout=60_000,
        socket_timeout=60_000,
        proto_factory=TCyBinaryProtocolFactory(),
        trans_factory=TCyBufferedTransportFactory(),
    ) as echo:
        functions = {"W1": echo.text, "W2": echo.record, "W3": echo.blob, "W4": echo.blob}
        yield {name: harness.Call(functions[name], struct_of(value)) for name, value in VALUES.items()}


if __name__ == "__main__":
    harness.main(serve, threaded=client)
