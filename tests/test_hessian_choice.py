"""Which serialization is spoken with whom, and that a foreign peer never sees a frame that Dubbo does not know."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpcore
from blocking import RawPeer, nothing_left, read_frame
from conftest import Run
from harness import EVENT, HESSIAN2, MSGPACK, REQUEST, TWOWAY, feed, frame, split
from joined import Joined, call, stream
from rpcore import errors, sync
from rpcore.service import interface

HELLO = 0x7270636F72650003
OURS = b"\x4e\x93\xa6rpcore\x01\x03"


@interface("org.demo.Chooser", version="1.0.0", timeout=2.0, retries=0)
class Chooser(Protocol):
    async def twice(self, text: str) -> str: ...


@interface(of=Chooser)
class ChooserSync(Protocol):
    def twice(self, text: str) -> str: ...


class Serves:
    async def twice(self, text: str) -> str:
        return text + text


def foreign_knows(frame: tuple[int, int, int, bytes], *, client: bool) -> bool:
    """Whether a Dubbo peer knows this frame of a client (or of a server): from the protocol's description."""
    flags, status, _, body = frame
    if flags & 0x1F != HESSIAN2:
        return False
    if flags & EVENT:
        if flags & REQUEST:
            return status == 0 and body in ((b"\x4e",) if flags & TWOWAY else (b"\x01R", b"\x01W"))
        return status == 20 and body == b"\x4e"
    return bool(flags & REQUEST) == client and (status == 0) == client


ANSWERS = {"java": b"\x4e", "go": b"\x4e\x4e", "rpcore": OURS}
STEPS = st.lists(
    st.sampled_from(["call", "cancel", "reply", "late", "heartbeat", "beaten", "readonly", "time out", "check"]),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(ANSWERS)), STEPS)
def test_no_foreign_peer_gets_a_frame_of_ours(peer: str, steps: list[str]) -> None:
    wire = Joined((Chooser, Serves()))
    stub = wire.stub(Chooser)
    wire.client.hello()
    wire.ticks.run()
    written = split(wire.out.take())
    assert written == [(0xE2, 0, HELLO, b"\x4e")]
    feed(wire.client, frame(0x22, 20, HELLO, ANSWERS[peer]))
    tasks: list[Any] = []
    seen: list[int] = []

    def collect() -> None:
        wire.ticks.run()
        for each in split(wire.out.take()):
            written.append(each)
            if each[0] & (REQUEST | EVENT) == REQUEST:
                seen.append(each[2])

    for step in steps:
        match step:
            case "call":
                tasks.append(wire.start(stub.twice("x")))
            case "cancel" if tasks:
                tasks[-1].cancel()
            case "reply" | "late" if seen:
                body = stream(4, "xx", {"dubbo": "2.0.2"}) if peer != "rpcore" else msgpack.packb([0, "xx", None])
                flags = HESSIAN2 if peer != "rpcore" else MSGPACK
                feed(wire.client, frame(flags, 20, seen[-1] if step == "reply" else seen[0], body))
            case "heartbeat":
                wire.client.heartbeat()
            case "beaten":
                feed(wire.client, frame(0xE2, 0, 77, b"\x4e"))
            case "readonly":
                feed(wire.client, frame(0xA2, 0, 78, b"\x01R"))
            case "time out":
                wire.wait(3.0)
            case "check":
                wire.client.check(wire.clock.now, 1.0, 1e9)
        collect()
    if peer == "rpcore":
        assert all(flags & 0x1F == MSGPACK for flags, _, _, _ in written if not flags & EVENT)
    else:
        assert all(foreign_knows(each, client=True) for each in written), written
    for task in tasks:
        assert not task.done or task.error is None or not isinstance(task.error, errors.ProtocolError)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["call", "bad", "oneway", "beat", "readonly", "silent beat", "other"]), max_size=20))
def test_a_server_answers_foreign_consumers_in_what_they_know(steps: list[str]) -> None:
    wire = Joined((Chooser, Serves()))
    written: list[tuple[int, int, int, bytes]] = []
    for number, step in enumerate(steps):
        match step:
            case "readonly":
                wire.server.send_readonly()
                written += wire.serve(b"")
                continue
            case "call" | "oneway":
                data = call(number, "org.demo.Chooser", "twice", "Ljava/lang/String;", "x", oneway=step == "oneway")
            case "bad":
                data = call(number, "org.demo.Chooser", "thrice", "", {})
            case "beat":
                data = frame(0xE2, 0, number, b"\x4e")
            case "silent beat":
                data = frame(0xA2, 0, number, b"\x4e")
            case _:
                data = frame(0xC0 | 6, 0, number, b"[]")
        written += wire.serve(data)
    assert all(foreign_knows(each, client=False) for each in written), written
    assert len(written) == sum(step not in ("oneway", "silent beat") for step in steps)


@pytest.mark.parametrize(
    ("rpcore_peer", "chosen", "spoken"),
    [
        (True, {}, MSGPACK),
        (False, {}, HESSIAN2),
        (True, {"serialization": "hessian2"}, HESSIAN2),
        (False, {"serialization": "hessian2"}, HESSIAN2),
        (True, {"serialization": "msgpack"}, MSGPACK),
    ],
)
def test_what_is_spoken(rpcore_peer: bool, chosen: dict[str, Any], spoken: int) -> None:
    wire = Joined((Chooser, Serves()), rpcore=rpcore_peer)
    task = wire.start(wire.stub(Chooser, **chosen).twice("x"))
    (asked,) = split(wire.send())
    (answered,) = split(wire.answer())
    assert (asked[0] & 0x1F, answered[0] & 0x1F) == (spoken, spoken)
    assert task.result() == "xx"


def test_msgpack_is_never_forced_on_a_foreign_peer() -> None:
    wire = Joined((Chooser, Serves()))
    task, written = wire.sent(wire.stub(Chooser, serialization="msgpack").twice("x"))
    assert written == b""
    assert isinstance(task.error, errors.ConfigurationError)
    assert "is not rpcore and does not speak msgpack (option: serialization)" in task.error.message


def test_what_was_learned_of_one_connection_says_nothing_of_the_next() -> None:
    """The same provider through a proxy, or another program at its address after a restart."""
    first, second = Joined((Chooser, Serves())), Joined((Chooser, Serves()))
    feed(first.client, frame(0x22, 20, HELLO, OURS))
    feed(second.client, frame(0x22, 20, HELLO, b"\x4e"))
    assert (first.client.peer_rpcore, second.client.peer_rpcore) == (True, False)


# --- over sockets, with and without a loop --------------------------------------------------------------------------


class Foreign:
    """A provider that is not rpcore. Answers ``twice`` with ``"xx"``, or not; keeps every frame."""

    def __init__(self, heartbeat: bytes) -> None:
        self.heartbeat = heartbeat
        self.frames: list[tuple[int, int, int, bytes]] = []

    def __call__(self, sock: socket.socket) -> None:
        while True:
            header, body = read_frame(sock)
            self.frames += split(header + body)
            flags, id = header[2], int.from_bytes(header[4:12], "big", signed=True)
            if flags & EVENT and flags & TWOWAY:
                sock.sendall(frame(0x22, 20, id, self.heartbeat))
            elif flags & TWOWAY and b"silent" not in body:
                sock.sendall(frame(HESSIAN2, 20, id, stream(4, "xx", {"dubbo": "2.0.2"}) + self.heartbeat[1:]))


@pytest.fixture
def clean() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.mark.parametrize("heartbeat", [b"\x4e", b"\x4e\x4e"], ids=["java", "go"])
def test_the_blocking_client_with_a_foreign_peer(clean: None, heartbeat: bytes) -> None:
    script = Foreign(heartbeat)
    with RawPeer(script) as peer, sync.Client("memory://") as client:
        stub = client.refer(ChooserSync, url=peer.url)
        assert [stub.twice("x") for _ in range(3)] == ["xx"] * 3
        with pytest.raises(errors.CallTimeout), rpcore.options(timeout=0.1):
            stub.twice("silent")
        assert stub.twice("x") == "xx"
    check(script)


@pytest.mark.parametrize("heartbeat", [b"\x4e", b"\x4e\x4e"], ids=["java", "go"])
def test_the_client_with_a_foreign_peer(run: Run, heartbeat: bytes) -> None:
    script = Foreign(heartbeat)

    async def main(url: str) -> None:
        async with rpcore.Client("memory://unused") as client:
            stub = client.refer(Chooser, url=url)
            assert await asyncio.gather(*(stub.twice("x") for _ in range(3))) == ["xx"] * 3
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):  # cancelled: what of ours would tell the peer
                    await stub.twice("silent")
            assert await stub.twice("x") == "xx"

    with RawPeer(script) as peer:
        run(main(peer.url))
    check(script)


def check(script: Foreign) -> None:
    assert script.frames[0] == (0xE2, 0, HELLO, b"\x4e")
    assert sum(flags & 0xFF == 0xC2 for flags, _, _, _ in script.frames) == 5
    assert all(foreign_knows(each, client=True) for each in script.frames), script.frames
