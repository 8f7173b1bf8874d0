"""What ``refer`` does on the way to a ``Referral``: the same for ``rpcore.Client`` and ``rpcore.sync.Client``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rpcore import errors
from rpcore.abc import Filter, Registry
from rpcore.filters import in_order
from rpcore.model import Instance, ServiceKey
from rpcore.options import layer
from rpcore.reference import Referral
from rpcore.service import InterfaceSpec, interface_spec
from rpcore.transport import parse_address

if TYPE_CHECKING:
    from rpcore.definition import ServiceDefinition, Source


class Refers(Protocol):
    """What ``new_referral`` needs of a client."""

    application: str
    filters: tuple[Filter, ...]
    forward: frozenset[str] | None


def new_referral(
    client: Refers,
    interface: Any,
    *,
    url: str | Sequence[str] | None,
    group: str | None,
    version: str | None,
    filters: Iterable[Filter | str],
    attachments: Mapping[str, Any] | None,
    methods: Mapping[str, Any] | None,
    options: Any,
    blocking: bool,
    definition: Source | None = None,
) -> Referral:
    """The referral that the arguments of ``refer`` describe, checked but not started.

    Args:
        blocking: whether the client takes blocking views, not ``async def`` interfaces.
        definition: what the interface must be like; a ``ServiceDefinition`` or the path of its JSON.

    Raises:
        ConfigurationError: not a declared interface of this kind, a bad hint, option or URL, or not what the definition
            says.
    """
    spec: InterfaceSpec | None = None
    if isinstance(interface, str):
        key = ServiceKey.parse(interface)
        where = f"refer({interface!r})"
        given = layer("refer", options, methods, place="refer", where=where, wire_names=None)
    else:
        spec = interface_spec(interface)
        if spec.blocking is not blocking:
            raise errors.ConfigurationError(_wrong_kind(spec))
        spec.resolve()
        key = spec.key
        where = f"refer({spec.cls.__name__})"
        given = layer("refer", options, methods, place="refer", where=where, wire_names=spec.wire_names)
    key = ServiceKey(key.interface, key.group if group is None else group, key.version if version is None else version)
    defined = None if definition is None else _defined(key, spec, definition)
    own = spec.filters if spec is not None else ()
    return Referral(
        key,
        spec,
        given,
        filters=in_order(client.filters, own, filters),
        definition=defined,
        urls=_fixed(key, url),
        attachments={"remote.application": client.application, **(attachments or {})}
        if client.application
        else attachments,
        forward=client.forward,
    )


def forwarded(attachments: bool | Iterable[str], tag: bool) -> frozenset[str] | None:
    """What ``forward_attachments`` and ``forward_tag`` of a client mean: the keys to send on, ``"*"`` for all."""
    if isinstance(attachments, bool):
        keys = {"*"} if attachments else set()
    else:
        keys = set() if isinstance(attachments, str) else set(attachments)
        if not keys or not all(isinstance(key, str) for key in keys):
            raise errors.ConfigurationError(f"forward_attachments: expected True, False or keys, got {attachments!r}")
    if tag:
        keys.add("dubbo.tag")
    return frozenset(keys) or None


def _defined(key: ServiceKey, spec: InterfaceSpec | None, given: Source) -> ServiceDefinition:
    """The definition that ``refer`` was given, once it is sure that it is the service's."""
    # Loaded where Java's definitions are used: among Python peers there are none.
    from rpcore.conformance import require_defined
    from rpcore.definition import definition_of

    definition = definition_of(given)
    if spec is not None:
        require_defined(spec, definition)
    elif definition.interface != key.interface:
        raise errors.ConfigurationError(f"refer({key}): the definition is of {definition.interface}")
    return definition


def _wrong_kind(spec: InterfaceSpec) -> str:
    name = spec.cls.__name__
    if spec.blocking:
        return f"refer({name}): a blocking view is for rpcore.sync.Client; this client takes its interface"
    return (
        f"refer({name}): rpcore.sync.Client takes a blocking view, a class of def methods declared with "
        f"@rpcore.interface(of={name}); `rpcore stubgen` writes it"
    )


class MergedView:
    """The provider lists of several registries as one, by address; a later registry does not replace an earlier."""

    def __init__(self, referral: Referral, count: int) -> None:
        self.referral = referral
        self.lists: list[tuple[Instance, ...] | None] = [None] * count

    def update(self, index: int, instances: tuple[Instance, ...]) -> None:
        self.lists[index] = instances
        directory = self.referral.directory
        if directory is None:
            return
        if len(self.lists) == 1:
            directory.update(instances)
            return
        merged: dict[str, Instance] = {}
        for each in self.lists:
            for instance in each or ():
                merged.setdefault(instance.address, instance)
        if merged or all(each is not None for each in self.lists):
            directory.update(tuple(merged[address] for address in sorted(merged)))


def open_registries(given: str | Registry | Sequence[str | Registry] | None) -> list[Registry]:
    """The registries that a client or server was given, not started yet."""
    from rpcore.registry import connect

    if given is None or isinstance(given, str) or not isinstance(given, Sequence):
        return [connect(given)]
    return [connect(each) for each in given]


def was_given(registry: Registry, given: object) -> bool:
    """Whether the application made ``registry`` itself, and so closes it itself."""
    return any(registry is each for each in (given if isinstance(given, Sequence) else (given,)))


def _fixed(key: ServiceKey, url: str | Sequence[str] | None) -> tuple[Instance, ...]:
    """Providers named by ``url=``. They are taken as running for long: no warm-up."""
    if url is None:
        return ()
    urls = [url] if isinstance(url, str) else list(url)
    if not urls:
        raise errors.ConfigurationError(f"refer({key}): url is an empty list")
    made: dict[str, Instance] = {}
    for text in urls:
        address = text.removeprefix("dubbo://").partition("?")[0].rstrip("/")
        try:
            if "://" in address:
                raise ValueError("only dubbo:// and unix: are spoken")
            if not address.startswith("unix:"):
                address = address.partition("/")[0]
            host, port = parse_address(address)
            if not host or not (address.startswith("unix:/") or 0 < port < 65536):
                raise ValueError("expected host:port")
        except ValueError as error:
            raise errors.ConfigurationError(
                f"refer({key}): url {text!r}: {error} (such as dubbo://127.0.0.1:20880 or unix:/run/x.sock)"
            ) from error
        instance = Instance(key, host, port, warmup=0.0)
        made[instance.address] = instance
    return tuple(made.values())
