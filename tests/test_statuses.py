"""Every status a peer can answer with, ours and others': which error it is, and whether it may be tried elsewhere.

The table for people is in docs/errors.md; here it is by who sends what, with the texts of real peers.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import HESSIAN2, MSGPACK, Wire, feed, frame, refusal
from rpcore import errors
from rpcore._codec import hessian_dumps

NOT, MAYBE, NEVER = errors.Retry.NOT_EXECUTED, errors.Retry.MAYBE_EXECUTED, errors.Retry.NEVER

# What peers other than rpcore send, or would have to: class and retry class by status alone.
FOREIGN = {
    25: (errors.InvalidResult, NEVER),
    30: (errors.CallTimeout, MAYBE),
    31: (errors.CallTimeout, MAYBE),
    40: (errors.BadRequest, NEVER),
    50: (errors.InvalidResult, NEVER),
    60: (errors.NoRoute, NOT),
    100: (errors.LimitExceeded, NOT),
}
OTHERWISE = (errors.RemoteFault, MAYBE)

OURS = {
    (31, "expired"): (errors.CallTimeout, MAYBE),
    (40, "service"): (errors.UnknownService, NEVER),
    (40, "method"): (errors.UnknownMethod, NEVER),
    (40, "arguments"): (errors.InvalidArguments, NEVER),
    (40, "payload"): (errors.PayloadTooLarge, NEVER),
    (40, "serialization"): (errors.BadRequest, NEVER),
    (50, "payload"): (errors.PayloadTooLarge, NEVER),
    (50, "result"): (errors.InvalidResult, NEVER),
    (70, "service"): (errors.UnknownService, NEVER),
    (70, "token"): (errors.InvalidToken, NEVER),
    (70, "cancelled"): (errors.RemoteFault, MAYBE),
    (100, "limit"): (errors.LimitExceeded, NOT),
    (100, "draining"): (errors.PeerGoingAway, NOT),
}


def answered(data: bytes) -> errors.RpcError:
    """The error of a call that this frame, which answers id 1, has ended."""
    wire = Wire()
    task = wire.call("x", retries=0)
    feed(wire.client, data)
    wire.ticks.run()
    assert isinstance(task.error, errors.RpcError) and not wire.client.closed
    assert task.error.service and task.error.method == "echo"
    assert task.error.address == "10.0.0.2:20880"
    return task.error


@pytest.mark.parametrize("status", [s for s in range(256) if s != 20])
def test_every_number_by_itself(status: int) -> None:
    cls, retry = FOREIGN.get(status, OTHERWISE)
    for body, text in (
        (hessian_dumps(None, "text"), "text"),
        (hessian_dumps(None, "first\n\tat com.x.A\n\tat com.x.B"), "first"),
        (hessian_dumps(None, None), ""),
        (hessian_dumps(None, 7), "7"),
        (hessian_dumps(None, True), "true"),
        (hessian_dumps(None, {"a": 1}), "unreadable text"),
        (b"", "unreadable text"),
    ):
        error = answered(frame(HESSIAN2, status, 1, body))
        assert (type(error), error.retry) == (cls, retry)
        assert f"status {status}" in error.message and text in error.message
        assert "\n" not in error.message
    assert type(answered(refusal(1, status, "text"))) is cls


@pytest.mark.parametrize(("status", "code"), OURS)
def test_ours_say_more_by_their_code(status: int, code: str) -> None:
    cls, retry = OURS[status, code]
    text = f"[{code}] it was so"
    for data in (refusal(1, status, text), frame(HESSIAN2, status, 1, hessian_dumps(None, text))):
        error = answered(data)
        assert (type(error), error.retry) == (cls, retry)
        assert error.message.endswith("it was so")


@pytest.mark.parametrize(
    ("status", "data", "cls", "message"),
    [
        # Java 3.3 and 2.7
        (40, "Fail to decode request due to: RpcInvocation [methodName=a]", errors.BadRequest, "RpcInvocation"),
        (70, "Not found exported service: g/demo.Greeter:1.0.0:20880 in [x]\n\tat y", errors.RemoteFault, "Not found"),
        (70, "org.apache.dubbo.rpc.RpcException: No such method nope", errors.RemoteFault, "No such method"),
        (50, "Failed to send response: Response [id=1], cause: java.lang.X", errors.InvalidResult, "Failed to send"),
        (100, "Server side(10.0.0.1,20880) thread pool is exhausted", errors.LimitExceeded, "exhausted"),
        # dubbo-go
        (70, "java exception:no such service", errors.RemoteFault, "java exception"),
    ],
)
def test_texts_of_others_are_shown(status: int, data: str, cls: type[errors.RpcError], message: str) -> None:
    error = answered(frame(HESSIAN2, status, 1, hessian_dumps(None, data)))
    assert type(error) is cls and message in error.message
    first, _, rest = data.partition("\n")
    assert first in error.message
    assert getattr(error, "__notes__", []) == ([rest] if rest else [])


def test_envoy_puts_a_kind_before_its_text() -> None:
    error = answered(frame(HESSIAN2, 60, 1, hessian_dumps(None, 0, "dubbo router: no cluster match for request")))
    assert type(error) is errors.NoRoute and "no cluster match" in error.message


@given(status=st.integers(0, 255).filter(lambda s: s != 20), body=st.binary(max_size=64), packed=st.booleans())
def test_no_bytes_become_anything_but_an_error_of_that_call(status: int, body: bytes, packed: bool) -> None:
    answered(frame(MSGPACK if packed else HESSIAN2, status, 1, body))
