"""From an interface class to everything made of it: method specs, compiled hints, the client's stub.

``@rpcore.interface`` reads the class at once (``rpcore.declaration``) and keeps an ``InterfaceSpec`` in the
class's own ``__dict__``. What needs types is made later and once: ``resolve()`` compiles the hints,
``stub_class`` the stub. A consumer and a provider of one interface share all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from rpcore._codec import ArgsPlan, ExceptionPlan, Plan
from rpcore.abc import Filter
from rpcore.declaration import (
    METHOD_KEY,
    STREAMS,
    MethodMark,
    business_exceptions,
    filter_tuple,
    read_methods,
    read_view,
    require_name,
    require_protocol,
)
from rpcore.errors import CodecError, ConfigurationError
from rpcore.handlers import Handler, match_handlers
from rpcore.model import MethodSpec, Options, Parameter, ServiceKey
from rpcore.options import Layer, OptionValues, validate
from rpcore.scope import Scope, declaring_frame, is_stream, without_annotated
from rpcore.stubs import make_stub_class

if TYPE_CHECKING:
    from rpcore.definition import Source

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

# `typing` passes over names that begin with "_abc_" when it collects the members of a Protocol; under any
# other name Python 3.11 would ask every implementation for this attribute in isinstance().
_SPEC_KEY = "_abc_rpcore_interface"


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedMethod:
    """One method with its hints resolved and compiled."""

    spec: MethodSpec
    parameters: tuple[Parameter, ...]
    returns: Any
    """The return hint, a type by now."""
    args: ArgsPlan
    result: Plan
    errors: tuple[ExceptionPlan, ...]
    """One per class in ``spec.raises``."""
    descriptor: str = ""
    """The JVM descriptors of its parameters, by which Java tells overloads apart: ``over(int, String)`` has
    ``ILjava/lang/String;``."""
    msgpack_name: str = ""
    """How msgpack requests call it: the wire name, for one of several overloads with the descriptor:
    ``over(I)``."""


class InterfaceSpec:
    """What one declared class says. Made by ``@rpcore.interface``, read by ``interface_spec``.

    Attributes:
        cls: the class itself.
        key: interface wire name, group and version.
        methods: in the order of definition, those of bases first.
        options: of the whole interface.
        raises: business exceptions of every method.
        filters: around every call, on both sides, outermost first.
        naming: the naming convention of methods and of DTOs that name none.
        blocking: whether this is a blocking view.
        of: the interface a blocking view belongs to, else None.
    """

    def __init__(
        self,
        cls: type,
        key: ServiceKey,
        methods: tuple[MethodSpec, ...],
        options: Options,
        raises: tuple[type[Exception], ...],
        filters: tuple[Filter | str, ...],
        naming: str,
        of: InterfaceSpec | None,
        frame: FrameType | None,
    ) -> None:
        self.cls = cls
        self.key = key
        self.methods = methods
        self.options = options
        self.raises = raises
        self.filters = filters
        self.naming = naming
        self.of = of
        self._frame = frame  # of the function that declared the class; only until the hints are resolved
        self._resolved: tuple[ResolvedMethod, ...] | None = None

    def __repr__(self) -> str:
        kind = "blocking view" if self.blocking else "interface"
        return f"<{kind} {self.cls.__name__} {self.key}, {len(self.methods)} methods>"

    @property
    def blocking(self) -> bool:
        return self.of is not None

    @cached_property
    def wire_names(self) -> Mapping[str, str]:
        """The wire name of each method by its Python name."""
        return {method.name: method.wire_name for method in self.methods}

    @cached_property
    def layer(self) -> Layer:
        """The declaration of the service as a layer for ``rpcore.options.resolve``."""
        return Layer("declaration", self.options)

    def layer_of(self, method: MethodSpec) -> Layer:
        """The same with what it says of one method, which overloads of one wire name do not share."""
        return Layer("declaration", self.options, {method.wire_name: method.options})

    @cached_property
    def stub_class(self) -> type[Any]:
        """The class of this interface's stubs: ``stub_class(callers, text)``. See ``rpcore.stubs``."""
        return make_stub_class(self.cls, str(self.key), self.methods)

    def resolve(self) -> tuple[ResolvedMethod, ...]:
        """Every method with its hints compiled. The work is done once.

        Raises:
            ConfigurationError: a hint cannot be resolved or has no form on the wire, a default does not fit
                its hint, two exceptions share a wire name, two methods share a wire name and its parameters' Java
                types, or a view contradicts its interface.
        """
        frame = self._frame  # read first: another thread may be about to drop it
        if self._resolved is None:
            scope = Scope(self.cls, frame)
            if self.of is None:
                self._resolved = self._told_apart([self._compile(method, scope) for method in self.methods])
            else:
                theirs = {method.spec.name: method for method in self.of.resolve()}
                self._resolved = tuple(self._adopt(view, theirs[view.name], scope) for view in self.methods)
            self._frame = None
        return self._resolved

    def _compile(self, method: MethodSpec, scope: Scope) -> ResolvedMethod:
        from rpcore.plan import compile_args, compile_type  # loaded when something is compiled, not with rpcore

        where = f"{self.cls.__name__}.{method.name}"
        parameters, returns = self._hints(method, scope)
        args = self._compiled(where, compile_args, parameters)
        for parameter, plan in zip(parameters, args.plans, strict=True):
            self._check_default(f"{where}: parameter {parameter.name!r}", parameter, plan)
        options = self.options.merged(method.options)
        if options.oneway and returns is not type(None):
            raise ConfigurationError(f"{where}: a oneway method gets no reply, so it must return None")
        return ResolvedMethod(
            spec=method,
            parameters=parameters,
            returns=returns,
            args=args,
            result=self._compiled(f"{where}: return", compile_type, returns),
            errors=self._exceptions(method, where),
            descriptor=args.descriptor,
            msgpack_name=method.wire_name,
        )

    def _told_apart(self, methods: list[ResolvedMethod]) -> tuple[ResolvedMethod, ...]:
        """The methods, overloads of one wire name with names of their own for msgpack."""
        shared = {name for name, count in Counter(m.spec.wire_name for m in methods).items() if count > 1}
        found: dict[str, ResolvedMethod] = {}
        for method in methods:
            if method.spec.wire_name in shared:
                method = replace(method, msgpack_name=f"{method.spec.wire_name}({method.descriptor})")
            other = found.setdefault(method.msgpack_name, method)
            if other is not method:
                raise ConfigurationError(
                    f"{self.cls.__name__}: methods {other.spec.name!r} and {method.spec.name!r} are one method on the"
                    f" wire: both are sent as {method.spec.wire_name!r} with the descriptor {method.descriptor!r};"
                    " give one of them another name by @rpcore.method(name=...), or, when Java overloads it, each the"
                    " hints of its Java types (rpcore.types)"
                )
        return tuple(found.values())

    def _adopt(self, view: MethodSpec, method: ResolvedMethod, scope: Scope) -> ResolvedMethod:
        where = f"{self.cls.__name__}.{view.name}"
        parameters, returns = self._hints(view, scope)
        for ours, theirs in zip(parameters, method.parameters, strict=True):
            if without_annotated(ours.hint) != without_annotated(theirs.hint):
                raise ConfigurationError(
                    f"{where}: parameter {ours.name!r} is {ours.hint!r}, but {theirs.hint!r} in the interface"
                )
        if without_annotated(returns) != without_annotated(method.returns):
            raise ConfigurationError(f"{where}: returns {returns!r}, but {method.returns!r} in the interface")
        return replace(method, spec=view)

    def _hints(self, method: MethodSpec, scope: Scope) -> tuple[tuple[Parameter, ...], Any]:
        where = f"{self.cls.__name__}.{method.name}"
        parameters = []
        for parameter in method.signature.parameters.values():
            place = f"{where}: parameter {parameter.name!r}"
            hint = scope.resolve(parameter.annotation, method.function, place)
            if is_stream(hint):
                raise ConfigurationError(f"{place}: {STREAMS}")
            parameters.append(Parameter(parameter.name, hint, parameter.default))
        returns = scope.resolve(method.signature.return_annotation, method.function, f"{where}: return")
        if is_stream(returns):
            raise ConfigurationError(f"{where}: return: {STREAMS}")
        return tuple(parameters), returns

    def _exceptions(self, method: MethodSpec, where: str) -> tuple[ExceptionPlan, ...]:
        from rpcore.plan import compile_exception

        plans: dict[str, ExceptionPlan] = {}
        for cls in method.raises:
            plan = self._compiled(f"{where}: raises {cls.__name__}", compile_exception, cls)
            if plan.wire_name in plans:
                raise ConfigurationError(
                    f"{where}: raises: two exceptions have one wire name, {plan.wire_name!r};"
                    " give one of them another by @rpcore.wire_name(...)"
                )
            plans[plan.wire_name] = plan
        return tuple(plans.values())

    def _check_default(self, place: str, parameter: Parameter, plan: Plan) -> None:
        if parameter.required:
            return
        try:
            plan.dumps(parameter.default)
        except CodecError as exc:
            raise ConfigurationError(f"{place}: its default does not fit its hint: {exc}") from exc

    def _compiled(self, place: str, compiler: Callable[..., Any], subject: Any) -> Any:
        try:
            return compiler(subject, naming=self.naming)
        except ConfigurationError as exc:
            raise ConfigurationError(f"{place}: {exc}") from exc


@overload
def interface(
    name: str,
    /,
    *,
    version: str = "",
    group: str = "",
    naming: str = "",
    raises: tuple[type[Exception], ...] = (),
    filters: Iterable[Filter | str] = (),
    **options: Unpack[OptionValues],
) -> Callable[[C], C]: ...
@overload
def interface(*, of: Callable[..., object]) -> Callable[[C], C]: ...
def interface(
    name: str | None = None,
    /,
    *,
    version: str = "",
    group: str = "",
    naming: str | None = None,
    raises: tuple[type[Exception], ...] = (),
    filters: Iterable[Filter | str] = (),
    of: Callable[..., object] | None = None,
    **options: Any,
) -> Callable[[C], C]:
    """Declare a Protocol as a remote interface, or as the blocking view of one.

    A declared base contributes its methods and, where nothing is given here, its naming and options; its
    exceptions and filters are added. The class itself is returned; type checkers and ``isinstance`` see no
    change.

    Args:
        name: its name on the wire, such as ``"org.demo.UserService"``.
        version: only the same version is called; ``""`` when unset.
        group: only the same group is called; ``""`` when unset.
        naming: ``"camel"`` says ``findAll`` and ``userId`` on the wire; ``""`` keeps the names.
        raises: business exceptions of every method.
        filters: around every call of it, on both sides (see ``rpcore.filters``).
        of: the interface that this class of ``def`` methods is a view of; excludes everything else.
        options: policy for every method: timeout, retries and the others of ``rpcore.model.Options``.

    Raises:
        ConfigurationError: when the class is decorated; the message names interface, method, parameter.
    """
    if of is not None:
        if name is not None or version or group or naming is not None or raises or filters or options:
            raise ConfigurationError("@rpcore.interface(of=...) takes nothing else: a view has what its interface has")
        return lambda cls: _declare_view(cls, of, declaring_frame(1))
    if not isinstance(name, str):
        raise ConfigurationError(
            '@rpcore.interface needs the name on the wire: @rpcore.interface("org.demo.UserService")'
        )
    wire_name: str = name

    def declare(cls: C) -> C:
        require_protocol(cls)
        where = cls.__name__
        require_name(wire_name, "the interface name", where)
        require_name(version, "version", where, optional=True)
        require_name(group, "group", where, optional=True)
        bases = [spec for base in cls.__mro__[1:] if (spec := vars(base).get(_SPEC_KEY)) is not None]
        own_options = validate(options, place="interface", where=where)
        for base in bases:
            own_options = base.options.merged(own_options)
        all_raises = dict.fromkeys(business_exceptions(raises, where))
        for base in bases:
            all_raises.update(dict.fromkeys(base.raises))
        own_filters = filter_tuple(filters, where)
        convention = naming if naming is not None else bases[0].naming if bases else ""
        spec = InterfaceSpec(
            cls=cls,
            key=ServiceKey(wire_name, group, version),
            methods=read_methods(cls, naming=convention, raises=tuple(all_raises), blocking=False),
            options=own_options,
            raises=tuple(all_raises),
            filters=tuple(dict.fromkeys((*(f for base in reversed(bases) for f in base.filters), *own_filters))),
            naming=convention,
            of=None,
            frame=declaring_frame(1),
        )
        setattr(cls, _SPEC_KEY, spec)
        return cls

    return declare


def _declare_view(cls: C, of: Callable[..., object], frame: FrameType | None) -> C:
    require_protocol(cls)
    declared = interface_spec(of)
    if declared.of is not None:
        raise ConfigurationError(
            f"{cls.__name__}: {declared.cls.__name__} is itself a view, of {declared.of.cls.__name__}"
        )
    spec = InterfaceSpec(
        cls=cls,
        key=declared.key,
        methods=read_view(cls, declared.methods, declared.cls),
        options=declared.options,
        raises=declared.raises,
        filters=declared.filters,
        naming=declared.naming,
        of=declared,
        frame=frame,
    )
    setattr(cls, _SPEC_KEY, spec)
    return cls


def method(
    *,
    name: str | None = None,
    raises: tuple[type[Exception], ...] = (),
    **options: Unpack[OptionValues],
) -> Callable[[F], F]:
    """Say more about one method of an interface than its signature does.

    Args:
        name: its name on the wire; by default what the interface's ``naming`` makes of the Python name.
        raises: business exceptions of this method, beside those of the interface.
        options: policy for this method, over that of the interface.

    Raises:
        ConfigurationError: an unknown option, a wrong value, or a name that cannot stand on the wire.
    """

    def mark(function: F) -> F:
        where = getattr(function, "__qualname__", repr(function))
        if name is not None:
            require_name(name, "the method name", where)
        checked = validate(options, place="method", where=where)
        setattr(function, METHOD_KEY, MethodMark(name, business_exceptions(raises, where), checked))
        return function

    return mark


def interface_spec(cls: object) -> InterfaceSpec:
    """The spec of a declared class.

    Raises:
        ConfigurationError: ``cls`` was not decorated itself (that a base was does not count).
    """
    spec = vars(cls).get(_SPEC_KEY) if isinstance(cls, type) else None
    if spec is None:
        raise ConfigurationError(f"{_undeclared(cls)}; declare it with @rpcore.interface(...)")
    assert isinstance(spec, InterfaceSpec)
    return spec


def _undeclared(cls: object) -> str:
    if not isinstance(cls, type):
        return f"{cls!r} is no interface class"
    for base in cls.__mro__[1:]:
        if _SPEC_KEY in vars(base):
            return f"{cls.__name__} derives from the interface {base.__name__} but is none itself"
    return f"{cls.__name__} is not a declared interface"


def check(cls: Callable[..., object], *, definition: Source | None = None) -> None:
    """Check the whole declaration of ``cls``, hints included, as the first ``refer`` or ``export`` would.

    For users' tests: ``def test_api(): rpcore.check(UserService)``.

    Args:
        cls: the declared class.
        definition: what a Java provider published of the service (``rpcore.definition``), or the path of its JSON:
            every declared method must be there.

    Raises:
        ConfigurationError: naming interface, method and parameter.
    """
    spec = interface_spec(cls)
    spec.resolve()
    if definition is not None:
        from rpcore.conformance import require_defined  # loaded where Java's definitions are used

        require_defined(spec, definition)


def handlers(spec: InterfaceSpec, implementation: object) -> dict[str, Handler]:
    """What serves each method of ``spec``, by its Python name.

    Raises:
        ConfigurationError: listing every method that is missing or contradicts the declaration.
    """
    methods = [(method.spec, method.parameters, method.returns) for method in spec.resolve()]
    return match_handlers(spec.cls, methods, implementation)
