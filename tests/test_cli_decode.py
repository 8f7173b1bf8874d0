"""``rpcore decode``: where frames may come from, and what programs read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rpcore.cli.app import rpcore

HEARTBEAT = "dabbe200000000000000000700000001 4e"
REQUEST = "dabb dd00 0000000000000007 00000015 97 a161 a0 a0 a166 92 01 c403000102 cd01f4 81a16bc0"
"""``f(1, b"\\x00\\x01\\x02")`` of the service ``a``."""


def decode(*arguments: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(rpcore, ["decode", *arguments], input=input)


def test_hex_on_the_command_line() -> None:
    result = decode(HEARTBEAT)
    assert result.exit_code == 0
    assert result.stdout == "0x0: event, two-way, id 7, hessian2, body of 1 bytes\n    event  heartbeat\n"


@pytest.mark.parametrize("text", [HEARTBEAT.upper(), f"0x{HEARTBEAT}", "da:bb:" + HEARTBEAT[4:]])
def test_hex_as_people_write_it(text: str) -> None:
    assert decode(text).stdout == decode(HEARTBEAT).stdout
    assert decode(*text.split()).stdout == decode(HEARTBEAT).stdout


def test_files_and_standard_input(tmp_path: Path) -> None:
    data = bytes.fromhex(HEARTBEAT)
    binary, text = tmp_path / "capture.bin", tmp_path / "capture.hex"
    binary.write_bytes(data)
    text.write_text(HEARTBEAT + "\n")
    expected = decode(HEARTBEAT).stdout
    assert decode(str(binary)).stdout == expected
    assert decode(str(text)).stdout == expected
    assert decode(input=data).stdout == expected
    assert decode("-", input=HEARTBEAT.encode()).stdout == expected


def test_json_is_one_object_a_line() -> None:
    result = decode("--json", REQUEST, HEARTBEAT)
    first, second = map(json.loads, result.stdout.splitlines())
    assert first == {
        "offset": 0,
        "kind": "request",
        "id": 7,
        "serialization": {"id": 29, "name": "msgpack"},
        "length": 21,
        "two_way": True,
        "body": {
            "service": "a",
            "version": "",
            "group": "",
            "method": "f",
            "arguments": [1, {"$base64": "AAEC"}],
            "timeout_ms": 500,
            "attachments": {"k": None},
        },
    }
    assert second["offset"] == 37 and second["body"] == {"event": "heartbeat"}


def test_json_of_a_response_and_of_garbage() -> None:
    result = decode("--json", "dabb0214 0000000000000007 00000003 940148", "ffff")
    response, garbage = map(json.loads, result.stdout.splitlines())
    assert response["status"] == {"code": 20, "name": "OK"}
    assert response["body"] == {
        "kind": "value, then attachments",
        "bytes": "0148",
        "problem": "expected value and attachments",
    }
    assert garbage == {"offset": 19, "kind": "garbage", "reason": garbage["reason"], "bytes": "ffff"}


@pytest.mark.parametrize("text", ["ff" + HEARTBEAT, HEARTBEAT[:20], "dabbdd00 0000000000000007 00000001 c1"])
def test_exit_code_tells_of_damage(text: str) -> None:
    assert decode(text).exit_code == 1


def test_bytes_limits_the_hex_dump() -> None:
    frame = "dabbc600 0000000000000007 00000064" + "00" * 100
    assert "… 84 more bytes" in decode("--bytes", "16", frame).stdout
    assert "more bytes" not in decode("--bytes", "0", frame).stdout


@pytest.mark.parametrize("source", ["no-such-file", "dabbe", "zz"])
def test_neither_file_nor_hex(source: str) -> None:
    result = decode(source)
    assert result.exit_code == 2
    assert result.stderr == f"rpcore: {source!r}: neither a file nor hex (pairs of 0-9 a-f)\n"


def test_a_directory_is_no_capture(tmp_path: Path) -> None:
    result = decode(str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"rpcore: {tmp_path}: Is a directory\n"
