"""What goes wrong on the server, as its caller sees it: each its own error, naming the place and what is near it."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import pickle
from typing import Any, Protocol

import pytest

import rpcore
from conftest import Run
from live import serve, serving, until
from rpcore import errors


@dataclasses.dataclass
class NotFound(Exception):
    user_id: int
    hint: str = ""

    def __str__(self) -> str:
        return f"no user {self.user_id}"


class Special(NotFound):
    """More derived than what is declared."""


class Plain(Exception):
    """Declared, without fields: its args travel."""


@rpcore.interface("test.Errors", version="1.0.0", raises=(NotFound, Plain), timeout=2.0)
class Errors(Protocol):
    async def fail(self, how: str) -> int: ...

    async def fine(self, value: int) -> int: ...


class Handlers:
    async def fail(self, how: str) -> int:
        await asyncio.sleep(0)
        return self._fail(how)

    def _fail(self, how: str) -> int:
        match how:
            case "declared":
                raise NotFound(42, hint="try 43")
            case "derived":
                raise Special(7)
            case "plain":
                raise Plain("a", 2)
            case "undeclared":
                return {}["key"]  # type: ignore[no-any-return]
            case "no text":
                raise ValueError
            case "text fails":
                raise Unprintable
            case "chained":
                try:
                    return 1 // 0  # type: ignore[return-value]
                except ZeroDivisionError as error:
                    raise RuntimeError("outer") from error
            case "stop iteration":
                raise StopIteration(5)
            case "base":
                raise asyncio.CancelledError
            case "wrong type":
                return "not an int"  # type: ignore[return-value]
            case "nothing":
                return None  # type: ignore[return-value]
            case "nested rpc error":
                raise errors.CallTimeout("a call of ours timed out", service="other.Service", method="m")
            case _:
                raise AssertionError(how)

    async def fine(self, value: int) -> int:
        return value


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "rpcore.server")


def failing(run: Run, how: str, **server: Any) -> Exception:
    """What the caller of ``fail(how)`` is raised; the server is used once more after it."""

    async def main() -> Exception:
        async with serving(Errors, Handlers(), refer={"retries": 0}, **server) as stub:
            with pytest.raises(Exception) as raised:
                await stub.fail(how)
            assert await stub.fine(1) == 1
            return raised.value

    error: Exception = run(main())
    return error


def test_a_declared_exception_is_raised_itself_with_its_fields(run: Run) -> None:
    error = failing(run, "declared")
    assert type(error) is NotFound
    assert (error.user_id, error.hint) == (42, "try 43")
    cause = error.__cause__
    assert isinstance(cause, errors.RemoteError)
    assert (cause.service, cause.method, cause.remote_message) == ("test.Errors", "fail", "no user 42")
    assert cause.type.endswith("NotFound") and cause.address
    copy = pickle.loads(pickle.dumps(cause))
    assert (type(copy), copy.args, copy.type) == (errors.RemoteError, cause.args, cause.type)


def test_a_subclass_arrives_as_what_is_declared(run: Run) -> None:
    error = failing(run, "derived")
    assert type(error) is NotFound
    assert error.user_id == 7


def test_a_declared_exception_without_fields_keeps_its_args(run: Run) -> None:
    error = failing(run, "plain")
    assert type(error) is Plain
    assert error.args == ("a", 2)


@pytest.mark.parametrize(
    ("how", "name", "message"),
    [
        ("undeclared", "KeyError", "'key'"),
        ("no text", "ValueError", ""),
        ("chained", "RuntimeError", "outer"),
        ("stop iteration", "RuntimeError", "coroutine raised StopIteration"),
    ],
)
def test_any_other_exception_is_a_remote_error(run: Run, how: str, name: str, message: str) -> None:
    error = failing(run, how)
    assert type(error) is errors.RemoteError
    assert (error.type, error.remote_message, error.traceback) == (name, message, None)
    assert name in str(error)


def test_one_whose_text_cannot_be_made_too(run: Run) -> None:
    error = failing(run, "text fails")
    assert isinstance(error, errors.RemoteError)
    assert error.type.endswith("Unprintable") and "RuntimeError" in error.remote_message


def test_the_traceback_travels_only_if_the_server_allows(run: Run) -> None:
    error = failing(run, "chained", send_traceback=True)
    assert isinstance(error, errors.RemoteError)
    assert error.traceback is not None
    assert "ZeroDivisionError" in error.traceback and "in _fail" in error.traceback


def test_an_rpc_error_inside_a_handler_is_the_callees_and_not_retried_as_ours(run: Run) -> None:
    error = failing(run, "nested rpc error")
    assert type(error) is errors.RemoteError
    assert error.type.endswith("CallTimeout")
    assert error.retry is errors.Retry.NEVER


@pytest.mark.parametrize(("how", "found"), [("wrong type", "str"), ("nothing", "None")])
def test_a_result_of_the_wrong_type_is_named_on_both_sides(
    run: Run, caplog: pytest.LogCaptureFixture, how: str, found: str
) -> None:
    caplog.set_level(logging.ERROR, "rpcore.server")
    error = failing(run, how)
    assert isinstance(error, errors.RpcError)
    text = str(error)
    assert "test.Errors" in text and "fail" in text and f"expected int, got {found}" in text
    assert error.retry is not errors.Retry.NOT_EXECUTED
    assert f"expected int, got {found}" in caplog.text


def test_failures_are_logged_with_their_traceback_and_declared_ones_are_not(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "rpcore.server")
    failing(run, "declared")
    assert caplog.records == []
    failing(run, "undeclared")
    (record,) = caplog.records
    assert "test.Errors" in record.getMessage() and "KeyError" in record.getMessage()
    assert record.exc_info


def test_a_handler_that_never_returns_is_a_timeout(run: Run) -> None:
    class Never(Handlers):
        async def fail(self, how: str) -> int:
            await asyncio.Event().wait()
            return 0

    async def main() -> None:
        async with serving(Errors, Never(), refer={"timeout": 0.1}) as stub:
            started = asyncio.get_running_loop().time()
            with pytest.raises(errors.CallTimeout) as raised:
                await stub.fail("never")
            took = asyncio.get_running_loop().time() - started
            assert 0.1 <= took <= 0.2
            assert isinstance(raised.value, TimeoutError)
            assert "test.Errors.fail" in str(raised.value) and raised.value.address
            assert await stub.fine(1) == 1

    run(main())


# --- what is not there -------------------------------------------------------------------------------


@rpcore.interface("test.Errors", version="2.0.0")
class OtherVersion(Protocol):
    async def fine(self, value: int) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0", group="blue")
class OtherGroup(Protocol):
    async def fine(self, value: int) -> int: ...


@rpcore.interface("test.Erors", version="1.0.0")
class Typo(Protocol):
    async def fine(self, value: int) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0")
class OtherMethods(Protocol):
    async def fin(self, value: int) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0")
class OtherArguments(Protocol):
    async def fine(self, value: str) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0")
class MoreArguments(Protocol):
    async def fine(self, value: int, more: int) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0")
class FewerArguments(Protocol):
    async def fine(self) -> int: ...


@rpcore.interface("test.Errors", version="1.0.0")
class OtherResult(Protocol):
    async def fine(self, value: int) -> str: ...


MISSING = [
    (Typo, ("fine", 1), errors.UnknownService, ["test.Erors", "test.Errors"]),
    (OtherVersion, ("fine", 1), errors.UnknownService, ["2.0.0", "1.0.0"]),
    (OtherGroup, ("fine", 1), errors.UnknownService, ["blue", "test.Errors:1.0.0"]),
    (OtherMethods, ("fin", 1), errors.UnknownMethod, ["fin", "fine"]),
    (OtherArguments, ("fine", "x"), errors.InvalidArguments, ["fine", "value", "expected int, got str"]),
    (MoreArguments, ("fine", 1, 2), errors.InvalidArguments, ["fine", "2"]),
    (FewerArguments, ("fine",), errors.InvalidArguments, ["fine", "value"]),
    (OtherResult, ("fine", 1), errors.DecodeError, ["result", "expected str, got int"]),
]


def test_what_is_missing_is_named_with_what_exists(run: Run) -> None:
    async def main() -> None:
        async with serve(Errors, Handlers()) as server, rpcore.Client("memory://unused") as client:
            for interface, (method, *arguments), kind, words in MISSING:
                stub = client.refer(interface, url=server.address)
                with pytest.raises(kind) as raised:
                    await getattr(stub, method)(*arguments)
                text = str(raised.value)
                assert all(word in text for word in words), text
                assert raised.value.attempts in ((), raised.value.attempts[:1])
                assert raised.value.address == server.address
            stub = client.refer(Errors, url=server.address)
            assert await stub.fine(5) == 5  # on the same connection

    run(main())


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(run: Run) -> None:
    async def main() -> None:
        async with serve(Errors, Handlers()) as server, rpcore.Client("memory://unused") as client:
            stub: Any = client.refer(Errors, url=server.address)
            assert await stub.fine(1) == 1
            (connection,) = server._listener.connections
            before = connection.frames_in
            for value in ("1", True, 1.5, None, 2**64):
                with pytest.raises(errors.EncodeError, match=r"args\.value") as raised:
                    await stub.fine(value)
                assert (raised.value.service, raised.value.method) == ("test.Errors", "fine")
            assert await stub.fine(2) == 2
            assert connection.frames_in == before + 1

    run(main())


def test_context_outside_of_a_served_call_raises(run: Run) -> None:
    with pytest.raises(errors.LocalProtocolError, match="no call is being served"):
        rpcore.context()

    async def main() -> None:
        with pytest.raises(errors.LocalProtocolError):
            rpcore.context()
        async with serving(Errors, Handlers()) as stub:
            assert await stub.fine(1) == 1
            with pytest.raises(errors.LocalProtocolError):
                rpcore.context()

    run(main())


def test_expired_work_is_not_started(run: Run) -> None:
    """The deadline passed while the request waited for the loop, which a blocking handler held."""
    import time

    class Slow(Handlers):
        def __init__(self) -> None:
            self.started: list[int] = []

        async def fine(self, value: int) -> int:
            self.started.append(value)
            if value == 0:
                time.sleep(0.2)  # noqa: ASYNC251 - what a handler must not do, and some will
            return value

    async def main() -> None:
        slow = Slow()
        async with serving(Errors, slow, refer={"retries": 0}) as stub:
            assert await stub.fine(9) == 9
            with rpcore.options(timeout=5.0):
                first = asyncio.create_task(stub.fine(0))
            with rpcore.options(timeout=0.05):
                second = asyncio.create_task(stub.fine(1))
            assert await first == 0
            with pytest.raises(errors.CallTimeout):
                await second
            assert await stub.fine(2) == 2
            assert slow.started == [9, 0, 2]

    run(main())


def test_a_failed_factory_or_context_undoes_what_was_started(run: Run) -> None:
    entered: list[str] = []

    class Entered(Handlers):
        async def __aenter__(self) -> Entered:
            entered.append("in")
            return self

        async def __aexit__(self, *exc: object) -> None:
            entered.append("out")

    @rpcore.interface("test.Second")
    class Second(Protocol):
        async def fine(self, value: int) -> int: ...

    def broken() -> Handlers:
        raise OSError("no database")

    async def main() -> None:
        server = rpcore.Server(register=False, host="127.0.0.1", port=0)
        server.export(Errors, Entered())
        server.export(Second, broken)
        with pytest.raises(OSError, match="no database"):
            await server.start()
        assert entered == ["in", "out"]
        assert "not started" in repr(server)

    run(main())


def test_an_exported_context_is_entered_before_and_left_after_the_last_call(run: Run) -> None:
    log: list[str] = []

    class Entered(Handlers):
        async def __aenter__(self) -> Entered:
            log.append("in")
            return self

        async def __aexit__(self, *exc: object) -> None:
            log.append("out")

        async def fine(self, value: int) -> int:
            log.append("called")
            await asyncio.sleep(0.05)
            log.append("answered")
            return value

    async def main() -> None:
        server = rpcore.Server(register=False, host="127.0.0.1", port=0)
        server.export(Errors, Entered)
        await server.start()
        async with rpcore.Client("memory://unused") as client:
            call = asyncio.create_task(client.refer(Errors, url=server.address).fine(1))
            await until(lambda: "called" in log)
            await server.stop(3)
            assert await call == 1
        assert log == ["in", "called", "answered", "out"]

    run(main())
