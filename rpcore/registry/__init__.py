"""Service discovery: where providers publish themselves and consumers learn of them.

``connect`` makes a registry from a URL; the scheme picks the adapter. The contract of every adapter is
``rpcore.abc.Registry``, its test is ``rpcore.testing.check_registry``. An adapter is a factory
``(RegistryURL) -> Registry`` under the entry point group ``rpcore.registry``.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcore.abc import Registry
from rpcore.errors import ConfigurationError
from rpcore.extension import Extensions
from rpcore.registry._url import RegistryURL

registries: Extensions[Callable[[RegistryURL], Registry]] = Extensions(
    "registry",
    group="rpcore.registry",
    builtin={
        "file": "rpcore.registry.file:from_url",
        "memory": "rpcore.registry.memory:from_url",
    },
)


def connect(url: str | Registry | None = None) -> Registry:
    """The registry that ``url`` names, constructed but not started; does no IO.

    Args:
        url: ``file:///directory``, ``memory://name`` or the URL of another adapter; a registry object, which
            is returned as it is; or ``None`` for the embedded registry in ``default_directory()``.

    Raises:
        ConfigurationError: the URL cannot be read, its scheme or a parameter is unknown.
    """
    if url is None:
        from rpcore.registry.file import FileRegistry, default_directory

        return FileRegistry(default_directory())
    if isinstance(url, str):
        parsed = RegistryURL.parse(url)
        return registries.load(parsed.scheme)(parsed)
    if isinstance(url, Registry):
        return url
    raise ConfigurationError(f"registry: expected a URL or a registry object, got {type(url).__name__} {url!r}")


__all__ = ["RegistryURL", "connect", "registries"]
