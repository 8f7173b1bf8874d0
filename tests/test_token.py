"""A provider with a token: who asks the registry knows it, who goes past it must be told."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

import rpcore
from rpcore import errors


@rpcore.interface("org.demo.Vault")
class Vault(Protocol):
    async def open(self) -> dict[str, str]: ...


class Vaults:
    async def open(self) -> dict[str, str]:
        return dict(rpcore.context().received_attachments)


@pytest.mark.parametrize("serialization", ["msgpack", "hessian2"])
def test_a_call_without_the_token_is_refused(run: Any, serialization: str) -> None:
    async def main() -> None:
        server = rpcore.Server("memory://token", host="127.0.0.1", port=0)
        server.export(Vault, Vaults(), token="sesame")
        async with server, rpcore.Client("memory://token") as client:
            url = f"dubbo://127.0.0.1:{server.port}"
            # The registry tells it; the service does not see it.
            assert await client.refer(Vault, serialization=serialization).open() == {}
            told = client.refer(Vault, serialization=serialization, url=url, attachments={"token": "sesame", "k": "v"})
            assert await told.open() == {"k": "v"}
            for wrong in (None, {"token": "open"}, {"token": ""}):
                stub = client.refer(Vault, serialization=serialization, url=url, attachments=wrong)
                for _ in range(2):
                    with pytest.raises(errors.InvalidToken, match=r"org\.demo\.Vault\.open: (no|a wrong) token"):
                        await stub.open()
            assert await told.open() == {"k": "v"}

    run(main())
