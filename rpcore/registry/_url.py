"""A registry URL, taken apart once. Adapters read this value and never the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rpcore.errors import ConfigurationError
from rpcore.extension import suggestion


@dataclass(frozen=True, slots=True)
class RegistryURL:
    """``scheme://user:password@host:port,host:port/path?name=value``, every part decoded.

    ``str()`` gives the URL without the password, which never appears in a log line or an error.
    """

    scheme: str
    hosts: tuple[tuple[str, int | None], ...] = ()
    """Host and port of each server; the port is ``None`` where the URL gives none."""
    path: str = ""
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> RegistryURL:
        """Raises ConfigurationError, saying what is wrong, for text that is no URL."""
        import re
        from urllib.parse import parse_qsl, unquote, urlsplit  # not loaded by `import rpcore`

        shown = re.sub(r"//[^/@]*@", "//…@", text)
        try:
            parts = urlsplit(text)
            params = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
        except ValueError as exc:
            raise ConfigurationError(f"registry URL {shown!r}: {exc}") from exc
        if "://" not in text or not parts.scheme:
            example = f"file://{shown}" if text.startswith("/") else "file:///directory"
            raise ConfigurationError(f"registry URL {shown!r}: no scheme; write for example {example!r}")
        credentials, _, servers = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        return cls(
            scheme=parts.scheme,
            hosts=tuple(_host(server, shown) for server in servers.split(",") if server),
            path=unquote(parts.path),
            params=MappingProxyType(params),
            user=unquote(user),
            password=unquote(password),
        )

    def __str__(self) -> str:
        from urllib.parse import quote, urlencode

        user = f"{quote(self.user, safe='')}@" if self.user else ""
        hosts = ",".join(_join(host, port) for host, port in self.hosts)
        query = f"?{urlencode(self.params)}" if self.params else ""
        return f"{self.scheme}://{user}{hosts}{quote(self.path)}{query}"

    def allow(self, *names: str) -> None:
        """Raises ConfigurationError if a parameter is given that is not one of ``names``."""
        for name in self.params:
            if name not in names:
                known = ", ".join(names) or "none"
                raise ConfigurationError(
                    f"registry URL {str(self)!r}: unknown parameter {name!r}{suggestion(name, names)}; known: {known}"
                )


def _host(server: str, url: str) -> tuple[str, int | None]:
    host, colon, port = server.rpartition(":")
    if not colon or "]" in port:  # a bare name, or a bracketed IPv6 address without port
        host, port = server, ""
    if not port:
        return host.strip("[]"), None
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"registry URL {url!r}: {server!r} has no valid port: {port!r}")
    return host.strip("[]"), int(port)


def _join(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host else host
    return host if port is None else f"{host}:{port}"
