"""grpc.aio with generic handlers, and protobuf messages from a descriptor as protoc would generate them.

The record is the protobuf message itself, made once, as an application that speaks gRPC would hold it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from bench import harness
from bench.workloads import VALUES, Author, Record

SCALARS = {"int": "INT64", "str": "STRING", "float": "DOUBLE", "bool": "BOOL", "bytes": "BYTES"}


def _messages() -> dict[str, Any]:
    """Message classes for the dataclasses and for a lone str and bytes."""
    file = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    shapes = {
        "Text": {"value": "str"},
        "Blob": {"value": "bytes"},
        "Author": Author.__annotations__,
        "Record": Record.__annotations__,
    }
    for name, fields in shapes.items():
        message = file.message_type.add(name=name)
        for number, (field, hint) in enumerate(fields.items(), 1):
            item = hint.removeprefix("list[").removesuffix("]")
            added = message.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if item != hint else kinds.LABEL_OPTIONAL
            if item in SCALARS:
                added.type = getattr(kinds, f"TYPE_{SCALARS[item]}")
            else:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".bench.{item}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"bench.{name}")) for name in shapes}


MESSAGES = _messages()
SHAPE_OF = {"W1": "Text", "W2": "Record", "W3": "Blob", "W4": "Blob"}


def message_of(value: Any) -> Any:
    """The message that carries a workload's value."""
    if isinstance(value, Record):
        return MESSAGES["Record"](**dataclasses.asdict(value))
    return MESSAGES["Text" if isinstance(value, str) else "Blob"](value=value)


def serve(mode: str, ready: Callable[[str], None]) -> None:
    """Echo."""

    async def echo(request: Any, context: Any) -> Any:
        return request

    async def main() -> None:
        server = grpc.aio.server()
        handlers = {
            shape: grpc.unary_unary_rpc_method_handler(
                echo, MESSAGES[shape].FromString, MESSAGES[shape].SerializeToString
            )
            for shape in ("Text", "Record", "Blob")
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Echo", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        ready(f"127.0.0.1:{port}")
        await server.wait_for_termination()

    harness.run_async(main())


@asynccontextmanager
async def client(mode: str, address: str) -> AsyncIterator[harness.Calls]:
    """One channel, which is one connection."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield {
            name: harness.Call(
                channel.unary_unary(
                    f"/bench.Echo/{shape}",
                    request_serializer=MESSAGES[shape].SerializeToString,
                    response_deserializer=MESSAGES[shape].FromString,
                ),
                message_of(VALUES[name]),
            )
            for name, shape in SHAPE_OF.items()
        }


if __name__ == "__main__":
    harness.main(serve, client=client)
