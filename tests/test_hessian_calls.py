"""Calls in hessian2: what consumers of Dubbo's send and get, what providers of Dubbo's get and send.

Golden frames are those of real peers (tests/data/dubbo-frames.json); bodies by hand are made of single values.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rpcore
from harness import EVENT, HESSIAN2, KEY, MSGPACK, REQUEST, TWOWAY, Wire, feed, frame, reply, split
from rpcore import errors
from rpcore._codec import hessian_dumps, hessian_loads
from rpcore._core import Caller, Entry, Gauge, current_scope
from rpcore.dispatch import hessian_prefix, request_prefix
from rpcore.model import ServiceKey
from rpcore.service import interface_spec
from rpcore.types import GenericObject, Int, JavaException

FRAMES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "dubbo-frames.json").read_text())


def golden(name: str) -> list[bytes]:
    """All frames whose name begins so, of every version of Dubbo."""
    found = [bytes.fromhex(each["hex"]) for each in FRAMES if each["name"].startswith(name)]
    assert found, name
    return found


# --- the service that the frames were recorded with -------------------------------------------------------


@rpcore.wire_name("demo.Color")
class Color(enum.Enum):
    RED = "RED"
    GREEN = "GREEN"


@rpcore.wire_name("demo.User")
@dataclass
class User:
    tags: list[str] | None = None
    color: Color | None = None
    age: Int = 0
    name: str | None = None


@rpcore.wire_name("demo.BizException")
@dataclass
class BizError(Exception):
    code: Int
    message: str = ""


class Unnamed(Exception):
    pass


@rpcore.interface("demo.Greeter", version="1.0.0", raises=(BizError, Unnamed))
class Greeter(Protocol):
    @rpcore.method(name="sayHello")
    async def say_hello(self, name: str) -> str: ...
    async def add(self, a: Int, b: int) -> Int: ...
    async def ping(self) -> None: ...
    @rpcore.method(name="async")
    async def later(self, text: str) -> str: ...
    async def enrich(self, user: User | None) -> User | None: ...
    async def any(self, value: Any) -> Any: ...
    @rpcore.method(name="over")
    async def over_text(self, value: str) -> str: ...
    @rpcore.method(name="over")
    async def over_int(self, value: Int) -> str: ...
    async def fail(self, how: str) -> Int: ...
    async def attach(self, key: str) -> str: ...
    async def blob(self, data: bytes, copies: Int = 1) -> bytes: ...
    async def pair(self, first: Any, second: Any) -> bool: ...


@dataclass
class Greeters:
    """The handler; keeps what it was called with."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)

    async def say_hello(self, name: str) -> str:
        self.calls.append(("sayHello", name))
        return f"Hello {name}"

    async def add(self, a: int, b: int) -> int:
        self.calls.append(("add", a, b))
        return a + b

    async def ping(self) -> None:
        self.calls.append(("ping",))

    async def later(self, text: str) -> str:
        return f"async {text}"

    async def enrich(self, user: User | None) -> User | None:
        self.calls.append(("enrich", user))
        return None if user is None else dataclasses.replace(user, age=user.age + 1)

    async def any(self, value: Any) -> Any:
        self.calls.append(("any", value))
        return value

    async def over_text(self, value: str) -> str:
        return f"s:{value}"

    async def over_int(self, value: int) -> str:
        return f"i:{value}"

    async def fail(self, how: str) -> int:
        match how:
            case "biz":
                raise BizError(7, "no such")
            case "unnamed":
                raise Unnamed("ours alone")
            case "value":
                raise ValueError("bad value")
            case "key":
                raise KeyError("k")
            case "java":
                raise JavaException("com.x.Own", "as it is")
            case "mute":
                raise Mute
            case "range":
                return 2**31
        return 5

    async def attach(self, key: str) -> str:
        request = current_scope()
        assert isinstance(request, rpcore.Request)
        self.calls.append(("attach", dict(request.received_attachments), request.remaining))
        request.reply_attachments = {"resp-key": "resp-val", "number": 5, "flag": True}
        return str(request.received_attachments.get(key))

    async def blob(self, data: bytes, copies: int = 1) -> bytes:
        return data * copies

    async def pair(self, first: Any, second: Any) -> bool:
        self.calls.append(("pair", first, second))
        return first is second


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


GREETER = interface_spec(Greeter).key


class Estate(Wire):
    """A wire on whose server ``Greeter`` is exported, as a server does it, and whose client can call it.

    Args:
        keys: the services it is exported as, one by default.
        rpcore: whether the two take each other for rpcore.
    """

    def __init__(self, *keys: ServiceKey, rpcore: bool = False, **options: Any) -> None:
        super().__init__(rpcore=rpcore, **options)
        self.service = Greeters()
        self.dispatch.replace([entry for key in keys or (GREETER,) for entry in self.entries(key)])

    def entries(self, key: ServiceKey, interface: Any = Greeter) -> Iterator[Entry]:
        for method in interface_spec(interface).resolve():
            yield Entry(
                prefix=request_prefix(key, method.msgpack_name),
                hessian_prefix=hessian_prefix(key, method.spec.wire_name, method.descriptor),
                service=key,
                method=method.spec.wire_name,
                name=method.msgpack_name,
                handler=getattr(self.service, method.spec.name),
                args=method.args,
                result=method.result,
                errors=method.errors,
                gauge=Gauge(method.spec.name),
            )

    def greeter(self, name: str, key: ServiceKey = GREETER, **options: Any) -> Caller:
        """The caller of one of Greeter's methods."""
        method = next(m for m in interface_spec(Greeter).resolve() if m.spec.name == name)
        caller = self.caller(**options)
        made = Caller(
            self.reference,
            service=key.interface,
            method=method.spec.wire_name,
            prefix=request_prefix(key, method.msgpack_name),
            args=method.args,
            result=method.result,
            errors={plan.wire_name: plan for plan in method.errors},
            hessian_prefix=hessian_prefix(key, method.spec.wire_name, method.descriptor),
            hessian_attachments={"path": key.interface, "interface": key.interface, "version": key.version or "0.0.0"}
            | ({"group": key.group} if key.group else {}),
        )
        for attribute in ("options", "timeout", "deadline", "retries", "idempotent", "oneway", "picker"):
            setattr(made, attribute, getattr(caller, attribute))
        return made

    def ask(self, data: bytes, *, piece: int = 0) -> list[tuple[int, int, int, bytes]]:
        """The frames that the server answers to ``data``."""
        feed(self.server, data, piece)
        self.ticks.run()
        return split(self.back.take())

    def one(self, data: bytes, *, piece: int = 0) -> tuple[int, list[Any]]:
        """Status and values of the one answer to ``data``."""
        ((flags, status, id, body),) = self.ask(data, piece=piece)
        assert (flags, id) == (HESSIAN2, int.from_bytes(data[4:12], "big", signed=True))
        return status, hessian_loads(body)


def body(
    method: str,
    descriptor: str | None,
    *arguments: Any,
    protocol: str | None = "2.0.2",
    path: str | None = "demo.Greeter",
    version: str | None = "1.0.0",
    attachments: Any = None,
) -> bytes:
    """A request's body of single values."""
    return hessian_dumps(None, protocol, path, version, method, descriptor, *arguments, attachments)


def asked(*args: Any, flags: int = REQUEST | TWOWAY | HESSIAN2, id: int = 9, **given: Any) -> bytes:
    return frame(flags, 0, id, body(*args, **given))


HELLO = ("sayHello", "Ljava/lang/String;", "x")
STRING = "Ljava/lang/String;"


# --- golden: a provider of ours behind a consumer of Java's ------------------------------------------------


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(
    "name", ["sayHello ", "add", "ping ", "async", "enrich ", "any", "over:Ljava", "over:I", "$echo"]
)
def test_java_gets_the_bytes_that_java_would_answer(name: str, piece: int) -> None:
    requests, responses = golden(f"request {name}"), golden(f"response {name}")
    assert len(requests) == len(responses) == 2
    for request, response in zip(requests, responses, strict=True):
        estate = Estate()
        if name == "$echo":
            estate.dispatch.replace([*estate.dispatch.entries, echo_entry()])
        feed(estate.server, request, piece)
        estate.ticks.run()
        answer = estate.back.take()
        assert answer[:12] == response[:12]  # magic, flags, status, id
        if name == "enrich ":
            # Java orders a class's fields its own way, and its 2.7 names the list's type.
            assert hessian_loads(answer[16:]) == hessian_loads(response[16:])
        else:
            assert answer == response


def echo_entry() -> Entry:
    from rpcore.server import _echo, _Export

    export = _Export(interface_spec(Greeter), GREETER, None, None, (), rpcore.Options(), Gauge("x"), None)
    return _echo(export)


def test_what_java_sent_arrives_as_it_was_meant() -> None:
    for request in golden("request enrich ") + golden("request enrich:null") + golden("request add"):
        estate = Estate()
        estate.ask(request)
        ((name, *arguments),) = estate.service.calls
        if name == "add":
            assert arguments == [1, 2]
        else:
            assert arguments in ([None], [User(["a", "b"], Color.GREEN, 3, "Bob")])


def test_an_old_consumer_gets_no_attachments() -> None:
    for protocol in ("2.6.2", "3.3.0", "2.0.1", None, "2.0.2.1", "x"):
        status, values = Estate().one(asked(*HELLO, protocol=protocol))
        assert (status, values) == (20, [1, "Hello x"])
    for protocol in ("2.0.2", "2.0.10", "2.0.99"):
        status, values = Estate().one(asked(*HELLO, protocol=protocol))
        assert (status, values) == (20, [4, "Hello x", {"dubbo": "2.0.2"}])
    assert Estate().one(asked("ping", "", protocol="2.6.2")) == (20, [2])
    assert Estate().one(asked("fail", STRING, "value", protocol="2.6.2"))[1][0] == 0


def test_one_way_calls_get_no_answer_not_even_errors() -> None:
    estate = Estate()
    for request in golden("request ping:oneway"):
        assert estate.ask(request) == []
    assert estate.service.calls == [("ping",)] * 2
    for wrong in (
        asked("nope", "", flags=0x82),
        asked("fail", STRING, "biz", flags=0x82),
        asked("add", "IJ", flags=0x82),
    ):
        assert estate.ask(wrong) == []
    assert estate.one(asked(*HELLO))[0] == 20


# --- golden: a consumer of ours before a provider of Java's ------------------------------------------------


def test_our_request_is_javas_but_for_id_and_attachments() -> None:
    calls = [
        ("sayHello ", "say_hello", ("world",)),
        ("add", "add", (1, 2)),
        ("ping ", "ping", ()),
        ("over:I", "over_int", (5,)),
        ("over:Ljava", "over_text", ("q",)),
    ]
    for name, method, arguments in calls:
        for java in golden(f"request {name}"):
            estate = Estate()
            estate.start(estate.greeter(method, timeout=2.0)(*arguments))
            ours = estate.out.take()
            assert ours[:4] == java[:4]
            *values, attachments = hessian_loads(ours[16:])
            *expected, theirs = hessian_loads(java[16:])
            constant = len(hessian_dumps(None, *expected[:5]))
            assert ours[16 : 16 + constant] == java[16 : 16 + constant]
            assert values == expected
            assert attachments == {
                "path": "demo.Greeter",
                "interface": "demo.Greeter",
                "version": "1.0.0",
                "timeout": "2000",
                "_TO": "2000",
            }
            assert theirs.items() - {("remote.application", "demo-client")} <= attachments.items()


@pytest.mark.parametrize("piece", [0, 1])
def test_java_replies_become_values(piece: int) -> None:
    for name, method, arguments, value in (
        ("sayHello ", "say_hello", ("world",), "Hello world"),
        ("add", "add", (1, 2), 3),
        ("ping ", "ping", (), None),
        ("any", "any", (None,), None),
    ):
        for response in golden(f"response {name}"):
            estate = Estate()
            task = estate.start(estate.greeter(method)(*arguments))
            ((_, _, id, _),) = split(estate.out.take())
            feed(estate.client, response[:4] + id.to_bytes(8, "big") + response[12:], piece)
            estate.ticks.run()
            assert task.result() == value
    for response in golden("response enrich "):
        assert answered("enrich", response[16:], User()).result() == User(["a", "b"], Color.GREEN, 4, "Bob")


def answered(method: str, data: bytes, *arguments: Any, status: int = 20, flags: int = HESSIAN2) -> Any:
    """The task of a call that a provider answered with this body."""
    estate = Estate()
    task = estate.start(estate.greeter(method, retries=0)(*arguments))
    ((sent, _, id, _),) = split(estate.out.take())
    assert sent == REQUEST | TWOWAY | HESSIAN2
    feed(estate.client, frame(flags, status, id, data))
    estate.ticks.run()
    assert not estate.client.closed and estate.client.in_flight == 0
    return task


def values(*items: Any) -> bytes:
    return hessian_dumps(None, *items)


DUBBO = {"dubbo": "2.0.2"}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (values(1, "v"), "v"),
        (values(4, "v", DUBBO), "v"),
        (values(4, "v", None), "v"),
        (values(4, "v", {}), "v"),
        (values(4, "v", DUBBO, None), "v"),  # dubbo-go
        (values(2), None),
        (values(2, None), None),
        (values(5, DUBBO), None),
        (values(4, None, DUBBO), None),
    ],
)
def test_kinds_of_replies(data: bytes, value: Any) -> None:
    assert answered("any", data, 1).result() == value


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "reply"),
        (values(6, "v", DUBBO), "unknown kind 6"),
        (values("v"), "expected int, got str"),
        (values(4, "v"), "attachments"),
        (values(4, "v", "text"), "attachments.*map"),
        (values(3, "text", DUBBO), "expected a Throwable, got str"),
        (values(3, None, DUBBO), "expected a Throwable, got None"),
        (values(3, {}, DUBBO), "expected a Throwable, got dict"),
        (values(4)[:1] + b"\x05abc", "ends"),
    ],
)
def test_unreadable_replies_fail_their_call_alone(data: bytes, text: str) -> None:
    task = answered("any", data, 1)
    assert isinstance(task.error, errors.DecodeError)
    with pytest.raises(errors.DecodeError, match=text if data else None):
        task.result()


def test_null_where_an_int_is_declared() -> None:
    for data in (values(5, DUBBO), values(4, None, DUBBO)):
        with pytest.raises(errors.DecodeError, match=r"result: expected int, got None"):
            answered("add", data, 1, 2).result()


def test_reply_attachments_come_without_the_protocols_own() -> None:
    estate = Estate()

    async def main() -> dict[str, Any]:
        with rpcore.options() as seen:
            await estate.greeter("say_hello")("x")
        return seen.reply_attachments

    task = estate.start(main())
    ((_, _, id, _),) = split(estate.out.take())
    feed(estate.client, frame(HESSIAN2, 20, id, values(4, "v", {**DUBBO, "k": "v", "n": 5})))
    estate.ticks.run()
    assert task.result() == {"k": "v", "n": 5}


# --- exceptions -------------------------------------------------------------------------------------------


def thrown(class_name: str, message: str | None, **fields: Any) -> JavaException:
    return JavaException(class_name, message, **fields)


def test_a_declared_exception_is_raised_with_what_java_said_as_its_cause() -> None:
    inner = thrown("java.io.IOException", "disk")
    task = answered("fail", values(3, thrown("demo.BizException", "no such", cause=inner, code=7), DUBBO), "x")
    assert task.error == BizError(7, "no such")
    remote = task.error.__cause__
    assert isinstance(remote, errors.RemoteError)
    assert (remote.type, remote.remote_message) == ("demo.BizException", "no such")
    assert (remote.service, remote.method, remote.address) == ("demo.Greeter", "fail", "10.0.0.2:20880")
    cause = remote.__cause__
    assert isinstance(cause, errors.RemoteError) and (cause.type, cause.remote_message) == (
        "java.io.IOException",
        "disk",
    )


def test_another_throwable_is_a_remote_error_with_class_message_and_fields() -> None:
    error = answered("fail", values(3, thrown("com.x.Strange", "first\nsecond", level=3), DUBBO), "x").error
    assert isinstance(error, errors.RemoteError)
    assert (error.type, error.remote_message, error.fields) == ("com.x.Strange", "first\nsecond", {"level": 3})
    assert str(error) == "com.x.Strange: first"
    assert error.retry is errors.Retry.NEVER


def test_java_stacks_are_readable() -> None:
    frames = [
        GenericObject(
            "java.lang.StackTraceElement",
            {"declaringClass": "com.x.A", "methodName": "run", "fileName": "A.java", "lineNumber": 12},
        )
    ]
    exception, inner = thrown("com.x.Outer", "out"), thrown("com.x.Inner", "in")
    exception.frames, inner.frames = frames, frames
    exception.cause = inner
    error = answered("fail", values(3, exception, DUBBO), "x").error
    assert error.traceback.splitlines() == [
        "com.x.Outer: out",
        "\tat com.x.A.run(A.java:12)",
        "Caused by: com.x.Inner: in",
        "\tat com.x.A.run(A.java:12)",
    ]


@pytest.mark.parametrize("package", ["org.apache.dubbo", "com.alibaba.dubbo"])
def test_a_generic_exception_gives_way_to_what_it_wraps(package: str) -> None:
    wrapped = thrown(
        f"{package}.rpc.service.GenericException", "long text", exceptionClass="com.x.Own", exceptionMessage="short"
    )
    error = answered("fail", values(3, wrapped, DUBBO), "x").error
    assert (type(error), error.type, error.remote_message, error.fields) == (
        errors.RemoteError,
        "com.x.Own",
        "short",
        {},
    )


ACCEPTED = {
    f"java.lang.{name}"
    for name in [
        "Exception",
        "RuntimeException",
        "IllegalArgumentException",
        "IllegalStateException",
        "NullPointerException",
        "ClassCastException",
        "ClassNotFoundException",
        "IndexOutOfBoundsException",
        "NumberFormatException",
        "SecurityException",
        "InterruptedException",
        "OutOfMemoryError",
    ]
}
"""What a live consumer of Dubbo 3.3 with default settings took as an exception."""


@pytest.mark.parametrize(
    ("how", "name", "message"),
    [
        ("value", "java.lang.IllegalArgumentException", "bad value"),
        ("key", "java.lang.RuntimeException", "KeyError: 'k'"),
        ("unnamed", "java.lang.RuntimeException", f"{__name__}.Unnamed: ours alone"),
        ("mute", "java.lang.RuntimeException", f"{__name__}.Mute: <str() failed: RuntimeError>"),
        ("java", "com.x.Own", "as it is"),
    ],
)
def test_what_java_gets_for_an_exception(how: str, name: str, message: str) -> None:
    status, (kind, error, attachments) = Estate().one(asked("fail", STRING, how))
    assert (status, kind, attachments) == (20, 3, DUBBO)
    assert (error.class_name, error.message) == (name, message)
    assert error.cause is None and error.fields == {}


def test_every_builtin_mapping_is_to_a_class_that_consumers_accept() -> None:
    from rpcore.dispatch import JAVA_NAMES

    assert set(JAVA_NAMES.values()) <= ACCEPTED
    for cls, name in JAVA_NAMES.items():
        assert Estate().dispatch.throwable(cls("text")).class_name == name
        # A subclass may mean something else: its name is in the text.
        error = Estate().dispatch.throwable(type("Special", (cls,), {})("text"))
        assert error.class_name == "java.lang.RuntimeException" and error.message.endswith("Special: text")


def test_a_named_exception_has_its_message_and_fields() -> None:
    _, (_, error, _) = Estate().one(asked("fail", STRING, "biz"))
    assert isinstance(error, JavaException)
    assert (error.class_name, error.message, error.fields["code"]) == ("demo.BizException", "no such", 7)


def test_a_traceback_travels_only_when_the_server_allows_it() -> None:
    _, (_, error, _) = Estate(send_traceback=True).one(asked("fail", STRING, "value"))
    first, *rest = error.message.splitlines()
    assert first == "bad value" and any("test_hessian_calls.py" in line for line in rest)


def test_between_rpcore_peers_an_unnamed_exception_keeps_its_class_in_either_serialization() -> None:
    for serialization in (0, HESSIAN2):
        estate = Estate(rpcore=False)
        estate.client.hello()
        estate.pump()
        caller = estate.greeter("fail")
        caller.serialization = serialization
        task = estate.start(caller("unnamed"))
        estate.pump()
        assert type(task.error) is Unnamed and task.error.args == ("ours alone",)


def test_a_result_that_does_not_fit_is_status_50() -> None:
    status, (text,) = Estate().one(asked("fail", STRING, "range"))
    assert (status, text) == (
        50,
        "[result] demo.Greeter:1.0.0.fail: result: 2147483648 does not fit the 32 bits of a Java Int",
    )


# --- what is called ---------------------------------------------------------------------------------------


def test_a_method_that_is_not_overloaded_is_found_by_name_and_number() -> None:
    for descriptor in (STRING, "V", "I", "Ljava/lang/Object;", "[[I"):
        assert Estate().one(asked("sayHello", descriptor, "x")) == (20, [4, "Hello x", DUBBO])
    for descriptor in ("Ljava/lang/Integer;Ljava/lang/Long;", "JJ", "VV"):
        assert Estate().one(asked("add", descriptor, 1, 2)) == (20, [4, 3, DUBBO])


def test_overloads_are_chosen_by_descriptor() -> None:
    for descriptor, argument, text in (
        (STRING, "1", "s:1"),
        ("I", 1, "i:1"),
        ("Ljava/lang/Integer;", 1, "i:1"),
    ):
        assert Estate().one(asked("over", descriptor, argument)) == (20, [4, text, DUBBO])
    for descriptor in ("V", "J", "Ljava/lang/Object;"):
        status, (text,) = Estate().one(asked("over", descriptor, 1))
        assert status == 40 and text.startswith(f"[arguments] demo.Greeter.over: called as over({descriptor}), ")
        assert "over(I), over(Ljava/lang/String;)" in text


def test_trailing_arguments_with_defaults_may_be_missing() -> None:
    assert Estate().one(asked("blob", "[B", b"ab")) == (20, [4, b"ab", DUBBO])
    assert Estate().one(asked("blob", "[BI", b"ab", 2)) == (20, [4, b"abab", DUBBO])
    for descriptor, arguments in (("", ()), ("[BII", (b"", 1, 2))):
        status, (text,) = Estate().one(asked("blob", descriptor, *arguments))
        assert status == 40 and text.startswith("[arguments] demo.Greeter.blob: called as")


def test_a_version_that_is_none_is_written_in_several_ways() -> None:
    plain = ServiceKey("demo.Greeter")
    for version in ("0.0.0", "", None):
        assert Estate(plain).one(asked(*HELLO, version=version))[0] == 20
        assert Estate(ServiceKey("demo.Greeter", "", "0.0.0")).one(asked(*HELLO, version=version))[0] == 20
        assert Estate().one(asked(*HELLO, version=version))[0] == 40


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (body(*HELLO, path="demo.Nobody"), "[service] no service demo.Nobody:1.0.0 here; there is demo.Greeter"),
        (body(*HELLO, version="2.0.0"), "[service] no service demo.Greeter:2.0.0 here; of this interface there is"),
        (body("sayHallo", STRING, "x"), "[method] demo.Greeter:1.0.0 has no method 'sayHallo'; there is sayHello"),
        (body("add", "IJ", 1, "x"), "[arguments] demo.Greeter:1.0.0.add: args.b: expected int, got str"),
        (body("add", "IJ", 2**31, 1), "[arguments] demo.Greeter:1.0.0.add: args.a: 2147483648 does not fit"),
        (body("add", "IJ;", 1, 2), "[arguments] parameter types 'IJ;': not JVM descriptors"),
        (body("add", None, 1, 2), "[arguments] path, method and parameter types must be strings"),
        (values("2.0.2", "demo.Greeter"), "[arguments] unreadable request: version: the data ends"),
        (b"", "[arguments] unreadable request: protocol version: the data ends"),
        (body("sayHello", STRING, "x", attachments=[1]), "[arguments] demo.Greeter:1.0.0.sayHello: attachments"),
        (body("sayHello", STRING, "x")[:-1], "[arguments] demo.Greeter:1.0.0.sayHello: attachments: the data ends"),
    ],
)
def test_refusals_say_what_is_wrong(data: bytes, text: str) -> None:
    estate = Estate()
    status, (answer,) = estate.one(frame(0xC2, 0, 9, data))
    assert status == 40
    assert answer.startswith(text)
    assert estate.service.calls == []
    assert estate.one(asked(*HELLO)) == (20, [4, "Hello x", DUBBO])


def test_the_group_is_an_attachment() -> None:
    first, second = ServiceKey("demo.Greeter", "g1", "1.0.0"), ServiceKey("demo.Greeter", "g2", "1.0.0")
    estate = Estate()
    entries = []
    for key in (GREETER, first, second):
        estate.service = Named(name=str(key))
        entries += [entry for entry in estate.entries(key) if entry.method == "sayHello"]
    estate.dispatch.replace(entries)
    for group, service in ((None, GREETER), ("g1", first), ("g2", second), ("g1", first), ("", GREETER)):
        attachments = None if group is None else {"group": group}
        assert estate.one(asked(*HELLO, attachments=attachments))[1][:2] == [4, str(service)]
    status, (text,) = estate.one(asked(*HELLO, attachments={"group": "g3"}))
    assert status == 70
    assert text.startswith("[service] no service g3/demo.Greeter:1.0.0 here; of this interface there is")


@dataclass
class Named(Greeters):
    """Answers with its name."""

    name: str = ""

    async def say_hello(self, name: str) -> str:
        return self.name


def test_two_groups_may_declare_one_method_differently() -> None:
    from typing import Annotated

    from rpcore.types import Descriptor

    @rpcore.interface("demo.Greeter", version="1.0.0", group="other")
    class Other(Protocol):
        async def enrich(self, user: Annotated[str, Descriptor("Ldemo/User;")]) -> Any: ...

    estate = Estate()
    estate.dispatch.replace(
        [*estate.dispatch.entries, *estate.entries(ServiceKey("demo.Greeter", "other", "1.0.0"), Other)]
    )
    user = User(["t"], Color.RED, 1, "n")
    assert estate.one(asked("enrich", "Ldemo/User;", user))[0] == 20
    assert estate.one(asked("enrich", "Ldemo/User;", "text", attachments={"group": "other"}))[0] == 20
    assert estate.service.calls == [("enrich", user), ("enrich", "text")]
    status, (text,) = estate.one(asked("enrich", "Ldemo/User;", "text"))
    assert status == 40 and "args.user: expected" in text


# --- attachments ------------------------------------------------------------------------------------------


def test_a_service_sees_the_users_attachments_and_answers_with_its_own() -> None:
    estate = Estate()
    sent = {
        "path": "demo.Greeter", "interface": "demo.Greeter", "version": "1.0.0", "timeout": "2000", "dubbo": "2.0.2",
        "remote.application": "web", "my-key": "my-val", "num": 42, "object": {"a": [1]},
    }  # fmt: skip
    for _ in range(2):
        status, (kind, value, attachments) = estate.one(asked("attach", STRING, "my-key", attachments=sent))
        assert (status, kind, value) == (20, 4, "my-val")
        assert attachments == {"dubbo": "2.0.2", "resp-key": "resp-val", "number": "5", "flag": "true"}
    seen = {"remote.application": "web", "my-key": "my-val", "num": 42, "object": {"a": [1]}}
    assert estate.service.calls == [("attach", seen, 2.0)] * 2


@pytest.mark.parametrize(
    ("attachments", "seconds"),
    [
        ({"timeout": "1500"}, 1.5),
        ({"timeout": 1500}, 1.5),
        ({"timeout": "1500", "_TO": 700}, 0.7),
        ({"timeout": "1500", "_to": "700"}, 0.7),
        ({"timeout": "700", "_TO": "1500"}, 0.7),
        ({"timeout": "soon"}, None),
        ({"timeout": "-1"}, None),
        ({"timeout": "0"}, None),
        ({"timeout": [1]}, None),
        ({"timeout": None}, None),
        ({"timeout": "9" * 400}, None),
        ({"timeout": float("inf")}, None),
        (None, None),
    ],
)
def test_the_timeout_of_the_caller_is_the_deadline_of_the_handler(
    attachments: dict[str, Any] | None, seconds: float | None
) -> None:
    estate = Estate()
    assert estate.one(asked("attach", STRING, "k", attachments=attachments))[0] == 20
    ((_, _, remaining),) = estate.service.calls
    assert remaining == (None if seconds is None else pytest.approx(seconds))


def test_attachments_may_be_a_typed_map_and_bytes_may_follow() -> None:
    from rpcore.types import TypedMap

    typed = TypedMap("java.util.TreeMap", {"my-key": "v"})
    assert Estate().one(asked("attach", STRING, "my-key", attachments=typed))[1][1] == "v"
    data = body("attach", STRING, "my-key", attachments={"my-key": "v"}) + b"N"
    assert Estate().one(frame(0xC2, 0, 9, data))[1][1] == "v"


def test_our_attachments_are_strings() -> None:
    estate = Estate()

    async def main() -> None:
        with rpcore.options(attachments={"s": "x", "i": 5, "f": 1.5, "b": False, "n": None, "path": "no", "l": [1]}):
            await estate.greeter("attach")("s")

    estate.start(main())
    ((_, _, _, data),) = split(estate.out.take())
    *_, attachments = hessian_loads(data)
    users = {key: value for key, value in attachments.items() if key not in ("interface", "version", "timeout", "_TO")}
    assert users == {"path": "demo.Greeter", "s": "x", "i": "5", "f": "1.5", "b": "false", "l": [1]}


def test_an_attachment_that_cannot_be_sent_names_itself_and_nothing_is_sent() -> None:
    estate = Estate()

    async def main() -> None:
        with rpcore.options(attachments={"odd": object()}):
            await estate.greeter("attach")("s")

    task = estate.start(main())
    assert isinstance(task.error, errors.EncodeError) and "attachments['odd']" in str(task.error)
    assert estate.out.take() == b""
    task = estate.start(estate.greeter("say_hello")("x"))
    estate.pump()
    assert task.result() == "Hello x"


# --- the stream of one connection --------------------------------------------------------------------------


def test_what_is_one_object_in_two_arguments_is_one_object_here_and_nowhere_else() -> None:
    estate = Estate()
    shared = User(["x"], Color.RED, 1, "n")
    assert estate.one(asked("pair", "Ljava/lang/Object;Ljava/lang/Object;", shared, shared))[1][1] is True
    task = estate.start(estate.greeter("pair")(shared, shared))
    estate.pump()
    assert task.result() is True
    equal = User(["x"], Color.RED, 1, "n")
    task = estate.start(estate.greeter("pair")(shared, equal))
    estate.pump()
    assert task.result() is False
    # A reference to an object of the frame before must not be found.
    data = body("any", "Ljava/lang/Object;", 1).replace(b"\x91N", b"\x51\x90N")
    status, (text,) = estate.one(frame(0xC2, 0, 9, data))
    assert status == 40 and "reference to number 0, but 0" in text


def test_an_error_amid_one_call_does_not_harm_the_next() -> None:
    estate = Estate()
    for _ in range(3):
        task = estate.start(estate.greeter("enrich")(User(["a"], Color.RED, 2**40, "n")))
        assert isinstance(task.error, errors.EncodeError) and "age" in str(task.error)
        task = estate.start(estate.greeter("enrich")(User(["a"], Color.RED, 4, "n")))
        estate.pump()
        assert task.result() == User(["a"], Color.RED, 5, "n")
        status, _ = estate.one(asked("enrich", "Ldemo/User;", GenericObject("demo.User", {"age": "x"})))
        assert status == 40
        status, (_, value, _) = estate.one(asked("enrich", "Ldemo/User;", User(None, Color.GREEN, 1, None)))
        assert (status, value) == (20, User(None, Color.GREEN, 2, None))


def test_a_call_made_while_another_is_encoded_has_a_stream_of_its_own() -> None:
    estate = Estate()
    shared = User(["out"], Color.GREEN, 2, "outer")
    tasks: list[Any] = []

    class Calling(float):
        def __str__(self) -> str:
            if not tasks:  # the call made here has this attachment, too
                tasks.append(estate.greeter("enrich")(shared))
                tasks[0].send(None)  # sends it, and waits
            return "called"

    async def main() -> Any:
        with rpcore.options(attachments={"calls": Calling(1.5)}):
            return await estate.greeter("pair")(shared, shared)

    task = estate.start(main())
    estate.ticks.run()
    outer, inner = (hessian_loads(data) for _, _, _, data in split(estate.out.take()))
    assert tasks and outer[3] == "pair" and outer[5] is outer[6] and outer[7]["calls"] == "called"
    assert inner[3] == "enrich" and inner[5] == shared
    assert not task.done


@pytest.mark.parametrize("piece", [0, 1000])
def test_large_bodies_both_ways(piece: int) -> None:
    data = bytes(range(256)) * 2000
    estate = Estate()
    status, (_, value, _) = estate.one(asked("blob", "[B", data), piece=piece)
    assert (status, value) == (20, data)
    task = estate.start(estate.greeter("blob")(data, 2))
    estate.send(piece=piece)
    estate.answer(piece=piece)
    assert task.result() == data * 2


def test_over_the_payload_limit_fails_that_call() -> None:
    estate = Estate(limits=rpcore.Limits(payload=10_000))
    status, (text,) = estate.one(asked("blob", "[B", bytes(20_000)), piece=7000)
    assert status == 40 and text.startswith("[payload] body of 20")
    status, (text,) = estate.one(asked("blob", "[BI", bytes(6000), 2))
    assert status == 50 and text.startswith("[payload] demo.Greeter:1.0.0.blob: reply of 12")
    task = estate.start(estate.greeter("blob", retries=0)(bytes(20_000), 1))
    assert isinstance(task.error, errors.PayloadTooLarge)
    assert estate.one(asked(*HELLO))[0] == 20


# --- which serialization -----------------------------------------------------------------------------------


def test_msgpack_with_rpcore_and_hessian2_with_everybody_else() -> None:
    for answer, expected in ((None, MSGPACK), (b"N", HESSIAN2), (b"NN", HESSIAN2), (b"\xc0", HESSIAN2)):
        estate = Estate()
        estate.client.hello()
        if answer is None:
            estate.pump()
        else:
            estate.ticks.run()
            ((flags, _, id, _),) = split(estate.out.take())
            assert flags == REQUEST | TWOWAY | EVENT | HESSIAN2
            feed(estate.client, frame(EVENT | HESSIAN2, 20, id, answer))
        assert estate.client.hello_done
        estate.start(estate.greeter("say_hello")("x"))
        ((flags, _, _, _),) = split(estate.out.take())
        assert flags == REQUEST | TWOWAY | expected


def test_one_provider_answers_each_in_its_own() -> None:
    estate = Estate()
    packed = frame(REQUEST | TWOWAY | MSGPACK, 0, 8, request_prefix(GREETER, "sayHello") + b"\x91\xa1y\x00\xc0")
    answers = estate.ask(asked(*HELLO, id=7) + packed + asked(*HELLO, id=9))
    assert [(flags, status, id) for flags, status, id, _ in answers] == [
        (HESSIAN2, 20, 7),
        (MSGPACK, 20, 8),
        (HESSIAN2, 20, 9),
    ]


def test_a_cancelled_call_sends_nothing_to_a_foreign_peer() -> None:
    estate = Estate()
    task = estate.start(estate.greeter("say_hello")("x"))
    estate.out.take()
    task.cancel()
    estate.ticks.run()
    assert estate.out.take() == b"" and estate.client.in_flight == 0


def test_without_a_hessian_prefix_a_foreign_peer_cannot_be_called() -> None:
    estate = Estate()
    caller = Caller(
        estate.reference,
        service="demo.Greeter",
        method="sayHello",
        prefix=request_prefix(GREETER, "sayHello"),
        args=interface_spec(Greeter).resolve()[0].args,
        result=interface_spec(Greeter).resolve()[0].result,
    )
    made = estate.greeter("say_hello")
    for attribute in ("options", "timeout", "deadline", "retries", "picker"):
        setattr(caller, attribute, getattr(made, attribute))
    task = estate.start(caller("x"))
    assert isinstance(task.error, errors.ConfigurationError) and "parameter types" in str(task.error)
    assert estate.out.take() == b""


def test_mixed_replies_stay_apart() -> None:
    estate = Estate(rpcore=True)
    first = estate.start(estate.caller()("a"))
    caller = estate.greeter("say_hello")
    caller.serialization = HESSIAN2
    second = estate.start(caller("x"))
    sent = split(estate.out.take())
    assert [flags & 0x1F for flags, *_ in sent] == [MSGPACK, HESSIAN2]
    feed(estate.client, frame(HESSIAN2, 20, sent[1][2], values(1, "b")) + reply(sent[0][2], "a"))
    estate.ticks.run()
    assert (first.result(), second.result()) == ("a", "b")
    assert KEY != GREETER


# --- damage -----------------------------------------------------------------------------------------------

REQUESTS = [bytes.fromhex(f["hex"]) for f in FRAMES if f["name"].startswith("request")]
RESPONSES = [bytes.fromhex(f["hex"]) for f in FRAMES if f["name"].startswith("response")]


@st.composite
def damaged(draw: st.DrawFn, frames: list[bytes]) -> bytes:
    """The body of a real frame with bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(frames))[16:])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["change", "cut", "insert", "end"])):
            case "change":
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del data[place : place + draw(st.integers(1, 9))]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=9))
            case "end":
                del data[place:]
    return bytes(data)


@settings(max_examples=300)
@given(damaged(REQUESTS))
def test_a_damaged_request_is_answered_and_harms_nobody_else(data: bytes) -> None:
    estate = Estate()
    answers = estate.ask(frame(0xC2, 0, 8, data) + asked(*HELLO, id=9))
    assert [(flags, id) for flags, _, id, _ in answers] == [(HESSIAN2, 8), (HESSIAN2, 9)]
    assert answers[0][1] in (20, 40, 50, 70)
    assert hessian_loads(answers[1][3]) == [4, "Hello x", DUBBO]
    assert not estate.server.closed


@settings(max_examples=300)
@given(damaged(RESPONSES))
def test_a_damaged_reply_ends_its_call_and_harms_nobody_else(data: bytes) -> None:
    estate = Estate()
    first = estate.start(estate.greeter("any", retries=0)(1))
    second = estate.start(estate.greeter("say_hello")("x"))
    (_, _, one, _), (_, _, two, _) = split(estate.out.take())
    feed(estate.client, frame(HESSIAN2, 20, one, data) + frame(HESSIAN2, 20, two, values(4, "fine", DUBBO)))
    estate.ticks.run()
    assert first.done and second.result() == "fine"
    assert first.error is None or isinstance(first.error, errors.DecodeError | errors.RemoteError | BizError)
    assert not estate.client.closed


def test_a_descriptor_of_dubbo_go_without_its_end() -> None:
    assert Estate().one(asked("any", "[Ljava/util/Date", []))[0] == 20
