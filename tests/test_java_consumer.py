"""Dubbo Java calls a provider in Python: every type, every way a call can go, by direct address.

The consumers are JVMs of each version of Dubbo (rig_java.py), the provider is java_service.py in a process of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from java_samples import SAMPLES
from rig_java import VERSIONS, Java, JavaError, PythonProvider

RPC_EXCEPTION = "org.apache.dubbo.rpc.RpcException"
NETWORK, TIMEOUT = 1, 2
"""Codes of an RpcException."""

full = pytest.mark.parametrize("java", VERSIONS[:2], indirect=True)
every = pytest.mark.parametrize("java", VERSIONS, indirect=True)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonProvider]:
    provider = PythonProvider(tmp_path_factory.mktemp("provider"))
    try:
        provider.ready()
        yield provider
    finally:
        provider.kill()


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[PythonProvider]:
    """A provider to be stopped."""
    provider = PythonProvider(tmp_path)
    try:
        provider.ready()
        yield provider
    finally:
        provider.kill()


@pytest.fixture(scope="module")
def java(request: pytest.FixtureRequest, java_of: Callable[[str], Java]) -> Java:
    java = java_of(request.param)
    java.prepare(consumer=True)
    return java


class Calls:
    """Calls from a JVM to one address."""

    def __init__(self, java: Java, address: str) -> None:
        self.version = java.version
        self.consumer = java.consumer
        self.address = address

    def __call__(self, method: str, *args: Any, **how: Any) -> Any:
        return self.consumer.call(self.address, method, *args, **how)

    def ask(self, op: str, **how: Any) -> Any:
        return self.consumer.ask(op, address=self.address, **how)

    def start(self, method: str, *args: Any, **how: Any) -> Future[dict[str, Any]]:
        return self.consumer.submit(op="call", address=self.address, method=method, args=args, **how)

    def fails(self, method: str, *args: Any, **how: Any) -> JavaError:
        with pytest.raises(JavaError) as caught:
            self(method, *args, **how)
        return caught.value


@pytest.fixture
def calls(java: Java, provider: PythonProvider) -> Calls:
    return Calls(java, provider.address)


def text_of(error: JavaError) -> str:
    """What an error and its causes say."""
    return str(error)


LOST = {
    "Double.minus-zero": "float -0.0 became float 0.0",  # Java writes it as 0.0
    "LocalTime.nanos": "13:14:15.123456789 became java.time.LocalTime 13:14:15.123456",
}
"""What does not come through, by the name of the sample, and what is said of it."""


@every
def test_every_type(calls: Calls) -> None:
    assert set(calls.consumer.ask("names")) == set(SAMPLES)
    found = {}
    for name in SAMPLES:
        try:
            found[name] = calls.ask("sample", name=name)
        except JavaError as error:
            found[name] = text_of(error)
    wrong = {name: why for name, why in found.items() if why is not None}
    assert {name: why for name, why in wrong.items() if LOST.get(name, "?") not in why} == {}
    assert wrong.keys() == LOST.keys()


@full
def test_the_provider_does_compare(calls: Calls) -> None:
    error = calls.fails("echoInt", 5, attachments={"sample": "Int.min"})
    assert (error.cls, error.message) == (
        "java.lang.RuntimeException",
        "the provider got another Int.min: $: int -2147483648 became int 5",
    )


@every
def test_methods(calls: Calls) -> None:
    assert calls("over", 1, types=["int"]) == "int 1"
    assert calls("over", 1, types=["long"]) == "long 1"
    assert calls("over", "x", types=["java.lang.String"]) == "String x"
    assert calls("over", ["x", "y"], types=["java.util.List"]) == "List [x, y]"
    assert calls("over", 1, "x") == "int 1, String x"
    assert calls("join", 1, None, 0.5, "x", True) == "1,null,0.5,x,true"
    assert calls("nothing") is None
    assert calls("nullText") is None
    assert calls("pi") == 3.141592653589793
    assert calls("later", "x", 5) == "x"
    assert calls("laterNothing") is None
    assert calls.ask("echo", value={"a": [1, None, "x"]}) == {"a": [1, None, "x"]}


@every
@pytest.mark.parametrize(
    ("kind", "cls", "message"),
    [
        ("declared", "org.rpcore.rig.NotFoundException", "no such thing"),
        ("runtime", "java.lang.RuntimeException", "plain"),
        ("illegal-argument", "java.lang.IllegalArgumentException", "not that"),
        ("type", "java.lang.IllegalArgumentException", "not of that type"),
        ("no-message", "java.lang.RuntimeException", ""),
        ("index", "java.lang.IndexOutOfBoundsException", "too far"),
        ("permission", "java.lang.SecurityException", "not you"),
        ("key", "java.lang.RuntimeException", "KeyError: 'a'"),
        ("unmapped", "java.lang.RuntimeException", "__main__.Unmapped: on no list"),
        ("long-message", "java.lang.RuntimeException", "中" * 100000),
        ("by-name", "java.lang.IllegalStateException", "from Python"),
        ("causes", "java.lang.RuntimeException", "outer"),
        ("suppressed", "java.lang.RuntimeException", "with suppressed"),
    ],
)
def test_exceptions(calls: Calls, kind: str, cls: str, message: str) -> None:
    for method in ("fail", "laterFail"):
        error = calls.fails(method, kind)
        assert (error.cls, error.message) == (cls, message)
        assert [(each.cls, each.message) for each in error.suppressed] == (
            [("java.lang.IllegalStateException", "middle"), ("java.lang.IllegalArgumentException", "inner")]
            if kind == "suppressed"
            else []
        )
        causes = []
        while error.cause is not None:
            error = error.cause
            causes.append((error.cls, error.message))
        assert causes == (
            [("java.lang.IllegalStateException", "middle"), ("java.lang.IllegalArgumentException", "inner")]
            if kind == "causes"
            else []
        )


@every
def test_a_declared_exception_has_its_fields(calls: Calls) -> None:
    error = calls.fails("fail", "declared")
    assert error.fields == {"id": 1 << 40, "tried": ["here", "there"]}


@every
def test_a_class_that_java_3_does_not_trust(calls: Calls) -> None:
    """Named by the service itself. 2.7 loads it; 3.x fails to read the answer (docs/hessian2.md says what to do)."""
    error = calls.fails("fail", "unlisted")
    if calls.version.startswith("3"):
        assert (error.cls, error.code) == (RPC_EXCEPTION, NETWORK)
    else:
        assert (error.cls, error.message) == ("org.rpcore.rig.UnlistedException", "on no list")
        assert error.fields == {"number": 42}
    assert calls("who") == "/"


@every
def test_attachments(calls: Calls) -> None:
    seen = calls("attachments", {"answer": "42"}, attachments={"user": "al", "Trace-Id": "x"})
    assert seen.pop("remote.application") == "rig-consumer"
    remaining = seen.pop("(remaining)", None)
    if calls.version.startswith("3"):  # 2.7 does not tell its timeout
        assert 9 < float(remaining) <= 10
    assert seen == {"user": "al", "Trace-Id": "x"}
    if calls.version.startswith("3"):  # 2.7.23 does not show them to its code
        assert calls.consumer.replied["answer"] == "42"
    assert set(calls("attachments", {})) - {"(remaining)"} == {"remote.application"}
    assert "answer" not in calls.consumer.replied


@full
def test_attachments_go_on(calls: Calls, java: Java) -> None:
    """From Java through Python to Java: the caller's, not what belongs to a hop."""
    seen = calls("relay", java.provider.address, attachments={"user": "al", "dubbo.tag": "gray"})
    assert seen["user"] == "al"
    assert "dubbo.tag" not in seen
    assert "user" not in calls("relay", java.provider.address)


@every
def test_oneway(calls: Calls) -> None:
    assert calls("notes") == []
    calls("note", "first", oneway="note")
    until = time.monotonic() + 5
    notes: list[str] = []
    while not notes and time.monotonic() < until:
        notes = calls("notes")
    assert notes == ["first"]


@every
def test_groups_and_versions(calls: Calls) -> None:
    assert calls("who") == "/"
    assert calls("who", version="0.0.0") == "/"
    assert calls("who", version="2.0.0") == "/2.0.0"
    assert calls("who", group="g1", version="1.0.0") == "g1/1.0.0"
    for other in ({"version": "3.0.0"}, {"group": "g2"}, {"group": "g2", "version": "1.0.0"}):
        error = calls.fails("who", **other)
        assert (error.cls, error.code) == (RPC_EXCEPTION, NETWORK)
        assert "no service" in text_of(error)


@full
def test_token(calls: Calls) -> None:
    assert "token" in text_of(calls.fails("who", group="secret"))
    assert calls("who", group="secret", attachments={"token": "the-token"}) == "secret/"


@full
def test_timeout(calls: Calls) -> None:
    began = time.monotonic()
    error = calls.fails("sleep", 3000, timeout=200)
    assert (error.cls, error.code) == (RPC_EXCEPTION, TIMEOUT)
    assert time.monotonic() - began < 2
    assert calls("who", timeout=200) == "/"


@full
def test_a_thousand_in_flight(calls: Calls) -> None:
    began = time.monotonic()
    assert calls.ask("many", count=1000, millis=500) == {"right": 1000, "failure": None}
    assert time.monotonic() - began < 10  # and not 500 s


@full
def test_a_megabyte(calls: Calls) -> None:
    assert calls("blob", 1 << 20) == 1 << 20
    assert calls("size", [1] * 300000) == 300000


@full
def test_over_the_limit(calls: Calls) -> None:
    """Nine million bytes, in each direction: that call fails and says why, the connection stays."""
    error = calls.fails("blob", 9000000)
    assert error.cls == RPC_EXCEPTION
    assert "8388608" in text_of(error)
    future = calls.consumer.submit(
        op="sized", address=calls.address, bytes=9000000, payload=20000000, group="g1", version="1.0.0"
    )
    with pytest.raises(JavaError, match="8388608"):
        calls.consumer.result(future)
    assert calls("who", payload=20000000, group="g1", version="1.0.0") == "g1/1.0.0"
    assert calls("who") == "/"


@full
def test_a_full_provider(calls: Calls) -> None:
    """One call at a time is allowed: the second is refused at once, the first served."""
    calls("who", group="tiny")
    futures = [calls.start("sleep", 400, group="tiny") for _ in range(2)]
    outcomes = []
    for future in futures:
        try:
            outcomes.append(calls.consumer.result(future))
        except JavaError as error:
            assert (error.cls, error.code) == (RPC_EXCEPTION, NETWORK)
            assert "limit" in text_of(error)
            outcomes.append("refused")
    assert sorted(outcomes, key=str) == [400, "refused"]


@full
def test_killed_in_flight(java: Java, spare: PythonProvider) -> None:
    calls = Calls(java, spare.address)
    assert calls("who") == "/"
    futures = [calls.start("sleep", 25000, timeout=4000) for _ in range(3)]
    assert calls("sleep", 50, timeout=4000) == 50  # sent behind them
    spare.kill()
    began = time.monotonic()
    for future in futures:
        with pytest.raises(JavaError) as caught:
            calls.consumer.result(future)
        assert (caught.value.cls, caught.value.code) == (RPC_EXCEPTION, NETWORK)
    assert time.monotonic() - began < 15  # 3.3.6 may take 10 s to believe that the connection is gone


@full
def test_a_graceful_stop(java: Java, provider: PythonProvider, spare: PythonProvider) -> None:
    """READONLY reaches Java, which then calls the other provider; what runs is finished; no call fails."""
    both = Calls(java, f"{spare.address};{provider.address}")
    alone = Calls(java, spare.address)
    assert alone("who") == "/"
    assert alone.ask("available") is True
    running = alone.start("sleep", 1500)
    assert alone("sleep", 50) == 50
    spare.say("stop")
    while alone.ask("available"):
        assert both("who") == "/"
    for _ in range(50):
        assert both("who") == "/"
    assert alone.consumer.result(running) == 1500
    spare.process.wait(10)
    for _ in range(20):
        assert both("who") == "/"


@every
def test_no_answer_had_bytes_too_many(java: Java) -> None:
    """Dubbo warns of what follows the last value of a frame, in all that these tests have sent it."""
    log = java.consumer.log.read_text()
    assert [line for line in log.splitlines() if "Skip input stream" in line] == []
