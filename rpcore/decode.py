"""Frames as readable values: what a capture or a hex dump holds, field by field.

For people who look at a connection, so it is lenient where the engine is strict: nothing raises, whatever
cannot be understood is shown with its offset and the reason, and reading goes on at the next header that
makes sense. ``frames`` cuts bytes into items, ``explain`` gives the fields of one by name, ``render`` prints
it. msgpack bodies are decoded with the stock package, hessian2 bodies without any declaration.
"""

from __future__ import annotations

import pprint
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from rpcore import errors
from rpcore._codec import hessian_loads
from rpcore.dispatch import split_descriptor

MAGIC = b"\xda\xbb"
HEADER = struct.Struct(">2sBBqi")
LARGEST = 1 << 28
"""A header that claims a longer body is taken for garbage, as a connection does."""

REQUEST, TWO_WAY, EVENT, SERIALIZATION = 0x80, 0x40, 0x20, 0x1F
HESSIAN2, MSGPACK = 2, 29
OK = 20

SERIALIZATIONS = {
    2: "hessian2",
    3: "java",
    4: "compactedjava",
    6: "fastjson",
    7: "nativejava",
    8: "kryo",
    9: "fst",
    10: "native hessian",
    11: "avro",
    12: "protostuff",
    16: "gson",
    18: "jackson",
    21: "protobuf-json",
    22: "protobuf",
    23: "fastjson2",
    25: "kryo2",
    27: "dubbo msgpack",
    28: "fury",
    29: "msgpack",
    31: "custom message pack",
}

STATUSES = {
    20: "OK",
    25: "SERIALIZATION_ERROR",
    30: "CLIENT_TIMEOUT",
    31: "SERVER_TIMEOUT",
    35: "CHANNEL_INACTIVE",
    40: "BAD_REQUEST",
    50: "BAD_RESPONSE",
    60: "SERVICE_NOT_FOUND",
    70: "SERVICE_ERROR",
    80: "SERVER_ERROR",
    90: "CLIENT_ERROR",
    100: "SERVER_THREADPOOL_EXHAUSTED_ERROR",
}

REFUSALS = {
    "arguments": "the method is declared with other arguments; surely not executed",
    "cancelled": "the server cancelled the handler, for example at the end of its grace",
    "draining": "the provider is shutting down; surely not executed, any method may be tried elsewhere",
    "expired": "the deadline had passed before the handler was started",
    "limit": "a concurrency limit was reached before dispatch; surely not executed",
    "method": "the service has no such method; surely not executed",
    "payload": "a body is larger than the option `payload` allows",
    "result": "the handler returned something that its declaration does not allow; it was executed",
    "serialization": "the request's serialization is not spoken here; surely not executed",
    "token": "the call carried no token, or another than the provider wants; surely not executed",
    "service": "no such service, or not in this version or group; surely not executed",
}
"""The codes in brackets before the text of an rpcore provider's refusals, and what they tell the caller."""

EVENTS = {
    "R": "READONLY: send no new calls here",
    "W": "WRITEABLE: new calls may be sent again",
    "C": "cancel: the caller of the call with this id stopped waiting",
}

HELLO = int.from_bytes(b"rpcore", "big")
"""Upper 48 bits of the id of the first heartbeat between rpcore peers; the lower 16 are capabilities."""
CAPABILITIES = {1: "msgpack", 2: "cancel"}

HESSIAN2_RESPONSES = {
    0x90: "exception",
    0x91: "value",
    0x92: "null",
    0x93: "exception, then attachments",
    0x94: "value, then attachments",
    0x95: "null, then attachments",
}
HESSIAN2_REQUEST_STRINGS = ("dubbo", "service", "version", "method", "parameter types")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. ``body`` is shorter than ``length`` when the input ends inside it."""

    offset: int
    flags: int
    status_code: int
    id: int
    length: int
    body: bytes

    @property
    def kind(self) -> str:
        """``request``, ``response``, ``event`` or ``event answer``."""
        if self.flags & EVENT:
            return "event" if self.flags & REQUEST else "event answer"
        return "request" if self.flags & REQUEST else "response"

    @property
    def two_way(self) -> bool:
        """Whether the sender of a request or event wants an answer."""
        return bool(self.flags & TWO_WAY)

    @property
    def serialization(self) -> str:
        number = self.flags & SERIALIZATION
        return SERIALIZATIONS.get(number, f"unknown serialization {number}")

    @property
    def status(self) -> str:
        """Java's name of the status; empty for requests, where the byte means nothing."""
        if self.flags & REQUEST:
            return ""
        return STATUSES.get(self.status_code, f"unknown status {self.status_code}")

    @property
    def missing(self) -> int:
        """Bytes of the body that are not in the input."""
        return self.length - len(self.body)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are no frame."""

    offset: int
    data: bytes
    reason: str


Item: TypeAlias = Frame | Garbage


def frames(data: bytes) -> Iterator[Item]:
    """Everything in ``data``, in order and without gaps: the items' bytes add up to the input."""
    position = 0
    while position < len(data):
        reason = _not_a_frame(data, position)
        if reason:
            end = position + 1
            while end < len(data) and not _resumes(data, end):
                end = data.find(MAGIC, end + 1)
                if end < 0:
                    end = len(data)
            yield Garbage(position, data[position:end], reason)
            position = end
            continue
        _, flags, status, id, length = HEADER.unpack_from(data, position)
        start = position + HEADER.size
        body = data[start : start + length]
        yield Frame(position, flags, status, id, length, body)
        position = start + len(body)


def _resumes(data: bytes, position: int) -> bool:
    """Whether reading goes on here after garbage; in garbage, two bytes alone are no proof of a frame."""
    return not _not_a_frame(data, position) and data[position + 2] & SERIALIZATION in SERIALIZATIONS


def _not_a_frame(data: bytes, position: int) -> str:
    """Why no frame starts here; empty when one does."""
    if data[position : position + 2] != MAGIC:
        return "no frame starts here: the magic da bb is missing"
    if len(data) - position < HEADER.size:
        return f"the input ends inside a header: {len(data) - position} of {HEADER.size} bytes"
    length = HEADER.unpack_from(data, position)[4]
    if not 0 <= length <= LARGEST:
        return f"the header claims a body of {length & 0xFFFFFFFF} bytes"
    return ""


def explain(frame: Frame) -> dict[str, Any]:
    """The fields of the frame's body by name; ``problem`` says what is wrong with it.

    What is not decoded stands under ``bytes``. Values are those of the msgpack package; nothing is converted.
    """
    if frame.missing:
        found: dict[str, Any] = {"bytes": frame.body} if frame.body else {}
        return {
            **found,
            "problem": f"the input ends after {len(frame.body)} of {frame.length} bytes of the body",
        }
    if frame.flags & EVENT:
        return _event(frame)
    number = frame.flags & SERIALIZATION
    if not frame.flags & REQUEST and frame.status_code != OK:
        return _refusal(frame)
    if number == MSGPACK:
        return _msgpack_request(frame.body) if frame.flags & REQUEST else _msgpack_response(frame.body)
    if number == HESSIAN2:
        return _hessian2_request(frame.body) if frame.flags & REQUEST else _hessian2_response(frame.body)
    return {"bytes": frame.body}


# --- events ---------------------------------------------------------------------------------------------


def _event(frame: Frame) -> dict[str, Any]:
    body, hello = frame.body, frame.id >> 16 == HELLO
    if body[:1] in (b"N", b"\xc0"):
        found: dict[str, Any] = {"event": "heartbeat" if frame.flags & REQUEST else "answer to a heartbeat"}
        if hello and frame.flags & REQUEST:
            found["event"] = "hello: the first heartbeat of an rpcore peer"
            found["capabilities"] = _capabilities(frame.id & 0xFFFF)
        elif hello:
            found |= _hello_answer(body)
        elif len(body) > 1:
            found["bytes"] = body
        return found
    text = _event_text(body, frame.flags & SERIALIZATION)
    if text is None:
        return {"bytes": body, "problem": "an event that is neither a heartbeat nor a string"}
    return {"event": EVENTS.get(text, f"unknown event {text!r}")}


def _event_text(body: bytes, serialization: int) -> str | None:
    if serialization == HESSIAN2:
        text, end = _hessian2_string(body, 0)
        return text if end == len(body) else None
    value, problem = _unpacked(body)
    return value if isinstance(value, str) and not problem else None


def _hello_answer(body: bytes) -> dict[str, Any]:
    """After the null there is nothing from a foreign peer, an array from one of ours."""
    if len(body) == 1:
        return {"event": "answer to a hello, by a peer that is not rpcore or by a proxy"}
    value, problem = _unpacked(body[1:])
    match value:
        case ["rpcore", int(), int(capabilities)] if not problem:
            known = _capabilities(capabilities)
            return {"event": "answer to a hello, by an rpcore peer", "capabilities": known}
    return {"event": "answer to a hello, by a peer that is not rpcore", "bytes": body}


def _capabilities(bits: int) -> list[str]:
    return [name for bit, name in CAPABILITIES.items() if bits & bit]


# --- refusals: one string in every serialization --------------------------------------------------------


def _refusal(frame: Frame) -> dict[str, Any]:
    text = _event_text(frame.body, frame.flags & SERIALIZATION)
    if text is None:
        return {"bytes": frame.body, "problem": "expected one string"}
    code, bracket, _ = text.removeprefix("[").partition("] ")
    found: dict[str, Any] = {"text": text}
    if text.startswith("[") and bracket and code in REFUSALS:
        found["code"] = code
        found["means"] = REFUSALS[code]
    return found


# --- msgpack --------------------------------------------------------------------------------------------


def _unpacked(body: bytes) -> tuple[Any, str]:
    """The first value of ``body`` and what is wrong with it."""
    import msgpack

    unpacker = msgpack.Unpacker(strict_map_key=False, timestamp=3, max_buffer_size=len(body) or 1)
    unpacker.feed(body)
    try:
        value = unpacker.unpack()
    except msgpack.OutOfData:
        return None, "the msgpack value is not complete"
    except (ValueError, TypeError, OverflowError) as error:  # the package's own errors are ValueErrors
        if "exceeds max" in str(error):
            return None, "a length in it is larger than the whole body"
        return None, f"no valid msgpack: {str(error) or type(error).__name__}"
    rest = len(body) - unpacker.tell()
    return value, f"{rest} bytes follow the value" if rest else ""


def _msgpack_request(body: bytes) -> dict[str, Any]:
    value, problem = _unpacked(body)
    if not (isinstance(value, list) and len(value) == 7):
        return _unlike(body, value, problem or "expected an array of 7")
    names = ("service", "version", "group", "method", "arguments", "timeout_ms", "attachments")
    return _with(dict(zip(names, value, strict=True)), problem)


def _msgpack_response(body: bytes) -> dict[str, Any]:
    value, problem = _unpacked(body)
    match value:
        case [0, result, attachments]:
            return _with({"result": result, "attachments": attachments}, problem)
        case [1, [kind, message, traceback, fields], attachments]:
            error = {"type": kind, "message": message, "traceback": traceback, "fields": fields}
            return _with({"exception": error, "attachments": attachments}, problem)
    return _unlike(body, value, problem or "expected [0, value, attachments] or [1, exception, attachments]")


def _with(found: dict[str, Any], problem: str) -> dict[str, Any]:
    return {**found, "problem": problem} if problem else found


def _unlike(body: bytes, value: Any, problem: str) -> dict[str, Any]:
    return {"bytes": body, "problem": problem} if value is None else {"body": value, "problem": problem}


# --- hessian2 -------------------------------------------------------------------------------------------


def _hessian2_request(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    position = 0
    for name in HESSIAN2_REQUEST_STRINGS:
        text, position_after = _hessian2_string(body, position)
        if text is None:
            return {**found, "bytes": body[position:], "problem": f"expected a string: {name}"}
        found[name], position = text, position_after
    try:
        # One stream: class definitions and references run through all of it.
        values = hessian_loads(body)[len(HESSIAN2_REQUEST_STRINGS) :]
        count = len(split_descriptor(found["parameter types"]))
    except errors.RpcError as error:
        return {**found, "bytes": body[position:], "problem": str(error)}
    found["arguments"] = values[:count]
    if len(values) <= count:
        return {**found, "problem": f"expected {count} arguments and attachments, got {len(values)} values"}
    found["attachments"] = values[count]
    return _with(found, _after(values[count + 1 :]))


def _hessian2_response(body: bytes) -> dict[str, Any]:
    kind = HESSIAN2_RESPONSES.get(body[0]) if body else None
    if kind is None:
        return {"bytes": body, "problem": "expected the kind of the response, an int from 0 to 5"}
    try:
        values = hessian_loads(body)[1:]
    except errors.RpcError as error:
        return {"kind": kind, "bytes": body[1:], "problem": str(error)}
    found: dict[str, Any] = {"kind": kind}
    names = [kind.partition(",")[0]] if not kind.startswith("null") else []
    if kind.endswith("attachments"):
        names.append("attachments")
    if len(values) < len(names):
        return {**found, "bytes": body[1:], "problem": f"expected {' and '.join(names)}"}
    found |= dict(zip(names, values, strict=False))
    return _with(found, _after(values[len(names) :]))


def _after(values: list[Any]) -> str:
    """What is wrong with values behind the last one; dubbo-go writes a null there."""
    return "" if all(value is None for value in values) else f"{len(values)} values follow"


def _hessian2_string(data: bytes, position: int) -> tuple[str | None, int]:
    """The string at ``position`` and where it ends; None when there is no whole one."""
    text: list[bytes] = []
    last = False
    while not last:
        tag = data[position : position + 3]
        if not tag:
            return None, position
        if tag[0] < 0x20:
            units, position, last = tag[0], position + 1, True
        elif 0x30 <= tag[0] <= 0x33 and len(tag) > 1:
            units, position, last = (tag[0] - 0x30) << 8 | tag[1], position + 2, True
        elif tag[:1] in (b"R", b"S") and len(tag) == 3:
            units, position, last = tag[1] << 8 | tag[2], position + 3, tag[:1] == b"S"
        else:
            return None, position
        start = position
        while units > 0:
            if position >= len(data):
                return None, position
            lead = data[position]
            width = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            # Lengths count UTF-16 units; a character beyond 16 bits comes as two units of three bytes each,
            # or from some writers as one sequence of four.
            units -= 2 if width == 4 else 1
            position += width
        text.append(data[start:position])
    try:
        pairs = b"".join(text).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None, position
    return pairs.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), position


# --- text -----------------------------------------------------------------------------------------------

SHOWN = 256
"""Bytes of a hex dump that ``render`` prints when not told otherwise."""


def render(item: Item, *, shown: int | None = SHOWN) -> str:
    """The item as lines of text; at most ``shown`` bytes of each hex dump, all when None."""
    if isinstance(item, Garbage):
        title = f"{item.offset:#x}: {len(item.data)} bytes of garbage: {item.reason}"
        return "\n".join([title, *_indented(_hex_dump(item.data, shown))])
    lines = [f"{item.offset:#x}: {_title(item)}"]
    found = explain(item)
    width = max((len(name) for name in found), default=0)
    for name, value in found.items():
        if name == "bytes":
            text = _hex_dump(value, shown)
            lines += [f"    {name}", *_indented(text)] if value else [f"    {name:{width}}  (none)"]
            continue
        first, *rest = _value_text(name, value).splitlines() or [""]
        lines.append(f"    {name:{width}}  {first}".rstrip())
        lines += [f"    {'':{width}}  {line}" for line in rest]
    return "\n".join(lines)


def _title(frame: Frame) -> str:
    parts = [frame.kind]
    if frame.flags & REQUEST:
        parts.append("two-way" if frame.two_way else "one-way")
    else:
        parts.append(f"status {frame.status_code} {frame.status}")
    return ", ".join([*parts, f"id {frame.id}", frame.serialization, f"body of {frame.length} bytes"])


def _value_text(name: str, value: Any) -> str:
    if name == "timeout_ms" and value == 0:
        return "0 (none)"
    if isinstance(value, str):
        return printable(value)
    return pprint.pformat(value, width=100, sort_dicts=False)


def printable(text: str) -> str:
    """``text`` without control characters, which a terminal would obey: escaped, but for the ends of lines."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _hex_dump(data: bytes, shown: int | None) -> list[str]:
    part = data if shown is None else data[:shown]
    lines = []
    for start in range(0, len(part), 16):
        row = part[start : start + 16]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{start:04x}  {row.hex(' '):47}  {letters}")
    if len(part) < len(data):
        lines.append(f"… {len(data) - len(part)} more bytes")
    return lines
