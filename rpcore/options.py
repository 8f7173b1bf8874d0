"""Policy options: the one place that validates them, and the one function that decides whose value wins.

An option can be given in several layers. From strongest to weakest:

1. ``call``: ``rpcore.options(...)`` around the call, or ``rpcore.bind``;
2. ``rule``: a rule pushed through the registry, for consumers;
3. ``refer``: ``client.refer(...)``;
4. ``provider``: what the provider publishes (its ``export(...)`` and the rules for providers);
5. ``declaration``: ``@rpcore.interface`` and ``@rpcore.method``;
6. ``default``.

Layers 2 to 5 each speak of the whole service and of single methods. They are merged layer by layer, and
within the merged result a value given for the method beats one given for the service, whichever layer it
came from, as in Java. Only values that were given count: a layer silent about ``retries`` hides nobody's.

``resolve`` runs when a layer changes, never per call; ``CallOptions.overridden`` is the cheap step that puts
the per-call layer on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypedDict

from rpcore.errors import ConfigurationError
from rpcore.model import OPTION_NAMES, Instance, Options

Place: TypeAlias = Literal["interface", "method", "refer", "export", "call", "rule"]
"""Where options are written. An option that means nothing there is refused."""

HEARTBEAT = 60.0
"""Default seconds between heartbeats on an idle connection (Dubbo's value)."""

DEFAULTS = Options(
    timeout=1.0,
    retries=2,
    idempotent=False,
    retry_on="safe",
    oneway=False,
    cluster="failover",
    loadbalance="random",
    serialization="",
    weight=100,
    warmup=600.0,
    tag="",
    connections=1,
    payload=8 * 1024 * 1024,
    executes=0,
    cancellable=True,
    check=True,
)
"""The weakest layer. ``serialization=""`` lets both sides choose, ``executes=0`` is no limit.

``deadline`` is missing because its default follows from the others (see ``CallOptions.deadline``).
"""


class OptionValues(TypedDict, total=False):
    """The keyword options of interface, method, refer, export and ``rpcore.options``, for type checkers.

    What each one means is said at the fields of ``rpcore.model.Options``.
    """

    timeout: float
    deadline: float
    retries: int
    idempotent: bool
    retry_on: Literal["safe", "dubbo"]
    oneway: bool
    cluster: str
    loadbalance: str
    serialization: str
    weight: int
    warmup: float
    tag: str
    connections: int
    payload: int
    executes: int
    cancellable: bool
    check: bool


# An int of milliseconds on the wire, as Java reads it.
_LONGEST = (2**31 - 1) / 1000


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _integer(lowest: int, highest: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and lowest <= value <= highest


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one option accepts, and where it may be written."""

    accepts: Callable[[Any], bool]
    expected: str
    places: frozenset[Place]


_DECLARED: tuple[Place, ...] = ("interface", "method")
_POLICY: tuple[Place, ...] = (*_DECLARED, "refer", "export", "rule")
_ANYWHERE: tuple[Place, ...] = (*_POLICY, "call")


def _rule(accepts: Callable[[Any], bool], expected: str, *places: Place) -> _Rule:
    return _Rule(accepts, expected, frozenset(places))


def _seconds(*places: Place) -> _Rule:
    return _rule(
        lambda value: _is_number(value) and 0 < value <= _LONGEST,
        f"a number of seconds above 0 and at most {_LONGEST:.0f}",
        *places,
    )


def _flag(*places: Place) -> _Rule:
    return _rule(lambda value: type(value) is bool, "True or False", *places)


def _name(*places: Place) -> _Rule:
    return _rule(lambda value: isinstance(value, str) and value != "", "a name (non-empty str)", *places)


_RULES: Mapping[str, _Rule] = {
    "timeout": _seconds(*_ANYWHERE),
    "deadline": _seconds(*_ANYWHERE),
    "retries": _rule(_integer(0, 1000), "an int from 0 to 1000", *_ANYWHERE),
    "idempotent": _flag(*_ANYWHERE),
    "retry_on": _rule(lambda value: value in ("safe", "dubbo"), "'safe' or 'dubbo'", *_ANYWHERE),
    # Part of the contract: a caller cannot turn a reply that the signature promises into none.
    "oneway": _flag(*_DECLARED),
    "cluster": _name(*_POLICY),
    "loadbalance": _name(*_POLICY),
    "serialization": _rule(lambda value: value in ("msgpack", "hessian2"), "'msgpack' or 'hessian2'", *_POLICY),
    "weight": _rule(_integer(0, 2**31 - 1), "an int of at least 0", "interface", "export"),
    "warmup": _rule(
        lambda value: _is_number(value) and 0 <= value <= _LONGEST,
        "a number of seconds of at least 0",
        "interface",
        "export",
    ),
    # Of a provider in export, of the calls elsewhere; so a declaration, which both share, has none.
    "tag": _rule(lambda value: isinstance(value, str), "a str", "refer", "export", "call", "rule"),
    "connections": _rule(_integer(1, 1024), "an int from 1 to 1024", "interface", "refer", "rule"),
    "payload": _rule(_integer(1, 2**28), "an int of bytes from 1 to 256 MiB", "interface", "refer", "export", "rule"),
    "executes": _rule(_integer(0, 2**31 - 1), "an int of at least 0 (0: no limit)", *_DECLARED, "export", "rule"),
    # The provider's to say: it is the handler that is cancelled.
    "cancellable": _flag(*_DECLARED, "export"),
    "check": _flag("interface", "refer"),
}

_NOT_FROM_PROVIDER = frozenset({"tag", "weight", "warmup", "executes", "check", "oneway"})


def validate(values: Mapping[str, Any], *, place: Place, where: str, per_method: bool = False) -> Options:
    """Options made of ``values``, each checked.

    Args:
        values: options by name.
        place: where they were written.
        where: how an error names that, such as ``"UserService.find"``.
        per_method: they speak of one method (``methods={"find": ...}``), so service-wide options are refused.

    Raises:
        ConfigurationError: an unknown option, one that means nothing there, or a wrong type or range.
    """
    for name, value in values.items():
        rule = _RULES.get(name)
        if rule is None:
            raise ConfigurationError(f"{where}: unknown option {name!r}{nearest(name, OPTION_NAMES)}")
        if place not in rule.places:
            places = ", ".join(sorted(rule.places))
            raise ConfigurationError(f"{where}: option {name!r} cannot be given here, only in: {places}")
        if per_method and "method" not in rule.places:
            raise ConfigurationError(f"{where}: option {name!r} is for the whole service, not for one method")
        if not rule.accepts(value):
            raise ConfigurationError(f"{where}: option {name!r} must be {rule.expected}, not {value!r}")
    return Options(**values)


def nearest(name: str, known: Iterable[str]) -> str:
    """``" (did you mean 'timeout'?)"``, or the known names when none is near; ends an error message."""
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(name, names, n=2, cutoff=0.6)
    if close:
        return f" (did you mean {' or '.join(map(repr, close))}?)"
    return f" (known: {', '.join(names) or 'none'})"


_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says of a service and of its single methods (by wire name)."""

    name: str
    options: Options = _NO_OPTIONS
    methods: Mapping[str, Options] = field(default_factory=lambda: MappingProxyType({}))


def layer(
    name: str,
    values: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]] | None,
    *,
    place: Place,
    where: str,
    wire_names: Mapping[str, str] | None,
) -> Layer:
    """The validated layer of a ``refer`` or ``export``.

    Args:
        name: what ``rpcore explain`` calls it, such as ``"refer"``.
        values: options of the whole service.
        methods: options by method, under its Python or its wire name. As in Dubbo, what is given for one of
            several overloads holds for all of its wire name.
        place: where they were written.
        where: how an error names that, such as ``"refer(UserService)"``.
        wire_names: the wire name of each method by its Python name; None where the methods are not known.

    Raises:
        ConfigurationError: as ``validate``, or a method that the interface does not have.
    """
    own: dict[str, Options] = {}
    for method, given in (methods or {}).items():
        wire = method if wire_names is None else wire_names.get(method, method)
        if wire_names is not None and wire not in wire_names.values():
            raise ConfigurationError(f"{where}: methods: no method {method!r}{nearest(method, wire_names)}")
        if wire in own:
            raise ConfigurationError(f"{where}: methods: {method!r} is given twice, as {wire!r} too")
        own[wire] = validate(given, place=place, where=f"{where}: methods[{method!r}]", per_method=True)
    return Layer(name, validate(values, place=place, where=where), own)


def published(instance: Instance) -> Layer:
    """The ``provider`` layer: what an instance says to its consumers.

    Values that describe the provider itself (its tag, weight, limits) are not taken over: a consumer that
    called a tagged provider once would otherwise send its own calls under that tag.
    """
    methods = {name: _for_consumers(options) for name, options in instance.method_options.items()}
    return Layer("provider", _for_consumers(instance.options), methods)


def _for_consumers(options: Options) -> Options:
    given = options.given()
    return Options(**{name: value for name, value in given.items() if name not in _NOT_FROM_PROVIDER})


_FOLLOWS = "default (follows from timeout and retries)"
_NOTHING = Layer("")


@dataclass(frozen=True)
class CallOptions:
    """Every option of one method, decided. Made by ``resolve``; units as in ``rpcore.model.Options``."""

    timeout: float
    deadline: float
    """Given, or ``timeout x (retries + 1)`` where a timeout may be retried, else ``timeout``."""
    retries: int
    idempotent: bool
    retry_on: str
    oneway: bool
    cluster: str
    loadbalance: str
    serialization: str
    """``""``: the best that both sides know."""
    weight: int
    warmup: float
    tag: str
    connections: int
    payload: int
    executes: int
    """0: no limit."""
    cancellable: bool
    check: bool
    _layers: Mapping[str, str] = field(repr=False, compare=False)
    _latest: tuple[Options, CallOptions] | None = field(default=None, init=False, repr=False, compare=False)
    """What ``overridden`` was last asked for: the calls of one ``rpcore.options`` block ask for the same."""

    @property
    def retries_timeouts(self) -> bool:
        """Whether an attempt that may have been executed may be made again."""
        return self.idempotent or self.retry_on == "dubbo"

    @property
    def sources(self) -> Mapping[str, tuple[Any, str]]:
        """Each option's value and the layer it came from, in the order of the fields."""
        return {name: (getattr(self, name), self._layers[name]) for name in OPTION_NAMES}

    def overridden(self, over: Options) -> CallOptions:
        """These options under the per-call layer: what ``over`` gives wins, the rest stays.

        A deadline that follows from timeout and retries follows the new ones; one that was given stays.
        """
        latest = self._latest
        if latest is not None and latest[0] is over:
            return latest[1]
        given = over.given()
        if not given:
            return self
        # May run per call, so past the frozen __init__, which sets field by field.
        made = object.__new__(CallOptions)
        values = made.__dict__
        values.update(self.__dict__)
        values.update(given)
        values["_layers"] = {**self._layers, **dict.fromkeys(given, "call")}
        values["_latest"] = None
        if "deadline" not in given and self._layers["deadline"] == _FOLLOWS:
            values["deadline"] = _deadline(values)
        self.__dict__["_latest"] = (over, made)
        return made


def _deadline(values: Mapping[str, Any]) -> float:
    retried = values["idempotent"] or values["retry_on"] == "dubbo"
    timeout: float = values["timeout"]
    return timeout * (values["retries"] + 1) if retried else timeout


def resolve(
    method: str,
    *,
    declaration: Layer,
    provider: Layer = _NOTHING,
    refer: Layer = _NOTHING,
    rule: Layer = _NOTHING,
    call: Options = _NO_OPTIONS,
) -> CallOptions:
    """Every option of one method, by the order at the top of this module.

    Args:
        method: its wire name.
        declaration: the interface's own layer (``InterfaceSpec.layer_of``).
        provider: what the provider publishes; on the provider itself: its ``export``.
        refer: the consumer's ``refer``.
        rule: the consumer-side rule.
        call: the per-call layer, when it is known already.
    """
    values = DEFAULTS.given()
    layers = dict.fromkeys(values, "default")
    weakest_first = (declaration, provider, refer, rule)
    for each in weakest_first:
        for name, value in each.options.given().items():
            values[name], layers[name] = value, each.name
    for each in weakest_first:
        for name, value in each.methods.get(method, _NO_OPTIONS).given().items():
            values[name], layers[name] = value, f"{each.name} ({method})"
    if "deadline" not in values:
        values["deadline"], layers["deadline"] = _deadline(values), _FOLLOWS
    return CallOptions(**values, _layers=layers).overridden(call)
