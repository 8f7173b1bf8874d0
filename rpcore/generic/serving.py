"""``$invoke`` and ``$invokeAsync`` at the provider: any method of an exported service, called by its name.

The method that a call names is found by the rules of ``Dispatch.route``; then the call becomes a call of that
method (``Request.become``): its filters, limits and options apply, and ``rpcore.context()`` shows it. Nothing is
compiled before the first such call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rpcore import errors
from rpcore._codec import ANY, REQUIRED, ArgsPlan
from rpcore._core import Entry, Gauge, Request, current_scope
from rpcore.dispatch import (
    JAVA_NAMES,
    Dispatch,
    hessian_prefix,
    no_overload,
    overload,
    request_prefix,
    split_descriptor,
    text_of,
)
from rpcore.generic.names import descriptor_of
from rpcore.model import ServiceKey
from rpcore.service import ResolvedMethod

if TYPE_CHECKING:
    from rpcore.generic.modes import Mode
    from rpcore.generic.nodes import Conversion
    from rpcore.javatypes import JavaException

METHODS = ("$invoke", "$invokeAsync")
DESCRIPTOR = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;"

GENERIC_EXCEPTION = "org.apache.dubbo.rpc.service.GenericException"
OLD_GENERIC_EXCEPTION = "com.alibaba.dubbo.rpc.service.GenericException"
"""Of Dubbo before 2.7, known to 2.7, too, and to later ones with the compatibility classes."""


class NoSuchMethod(errors.UnknownMethod):
    """As Dubbo refuses it: with the status for failures of its framework."""

    status = 70


class Ambiguous(errors.InvalidArguments):
    """Types are needed to choose between overloads."""

    status = 70


class Invoke:
    """The generic face of one exported service.

    Args:
        key: of the service.
        methods: what it declares, each with the entry that serves it.
        naming: the convention of its interface.
        dispatch: of the server; knows what callers may see of a traceback.
        exception: the Java class in which exceptions go to generic callers.
    """

    def __init__(
        self,
        key: ServiceKey,
        methods: Sequence[tuple[ResolvedMethod, Entry]],
        *,
        naming: str = "",
        dispatch: Dispatch,
        exception: str = GENERIC_EXCEPTION,
    ) -> None:
        self.key = key
        self._methods = {entry.name: method for method, entry in methods}
        self._named: dict[str, list[Entry]] = {}
        for _, entry in methods:
            self._named.setdefault(entry.method, []).append(entry)
        self._naming = naming
        self._dispatch = dispatch
        self._exception = exception
        self._compiled: dict[str, tuple[tuple[Conversion, ...], Conversion]] = {}

    def __repr__(self) -> str:
        return f"<Invoke {self.key}, {len(self._methods)} methods>"

    def entries(self, *, token: str | None, payload: int) -> list[Entry]:
        """What serves ``$invoke`` and its twin, which waits for nothing either: asynchronous is the caller.

        Args:
            token: of the service.
            payload: the largest body that any of its methods takes.
        """
        args = ArgsPlan(("method", "types", "arguments"), (ANY,) * 3, (REQUIRED, None, None))
        return [
            Entry(
                prefix=request_prefix(self.key, name),
                hessian_prefix=hessian_prefix(self.key, name, DESCRIPTOR),
                service=self.key,
                method=name,
                handler=self.invoke,
                args=args,
                result=ANY,
                gauge=Gauge(f"{self.key}.{name}"),
                token=token,
                payload=payload,
                builtin=True,
            )
            for name in METHODS
        ]

    async def invoke(self, name: object, types: object, arguments: object) -> Any:
        """Serve one call.

        Raises:
            UnknownMethod, InvalidArguments: it does not name a method and arguments of it.
            LimitExceeded: of the method.
            Exception: whatever the method raises.
        """
        from rpcore.generic.modes import mode_of  # and with it all that converts values: not everybody needs it

        scope = current_scope()
        request = scope.served if scope is not None else None
        if not isinstance(request, Request):
            raise errors.LocalProtocolError("$invoke: no call is being served here")
        mode = mode_of(request.received_attachments.get("generic"))
        given = _list_of("arguments", arguments) if arguments is not None else self._nulls(name, types)
        entry = self._find(name, types, len(given))
        parameters, result = self._conversions(entry.name)
        values = self._realized(entry, mode, parameters, given)
        form = mode.form
        convert: Callable[[Any], Any] | None = None
        if form is not None:
            from rpcore.generic.conversions import generalized

            def convert(value: Any) -> Any:
                return generalized(result, value, "result", form())

        request.become(entry, convert=convert, wrap=lambda error: self._wrapped(entry, error))
        return await entry.handler(*values)

    # ---- the method

    def _nulls(self, name: object, types: object) -> Sequence[None]:
        """What a missing list of arguments means: null for each parameter."""
        if types is not None:
            return (None,) * len(_list_of("parameter types", types))
        named = self._named.get(name.strip(), ()) if isinstance(name, str) else ()
        return (None,) * min((entry.parameters for entry in named), default=0)

    def _find(self, name: object, types: object, count: int) -> Entry:
        """The entry of the method that is meant.

        Args:
            types: names of the parameter types, or None.
            count: of the arguments.
        """
        named = self._named.get(name.strip()) if isinstance(name, str) else None
        if named is None:
            # Dubbo's words, for whoever greps for them.
            raise NoSuchMethod(
                f"org.apache.dubbo.rpc.RpcException: No such method {name} in class interface {self.key.interface}"
                f"; there is {', '.join(self._named)}"
            )
        if types is None:
            found = [entry for entry in named if entry.required <= count <= entry.parameters]
            if len(found) > 1:
                known = ", ".join(sorted(f"{name}({entry.descriptor})" for entry in found))
                raise Ambiguous(f"{self.key.interface}.{name}: name the parameter types, there is {known}")
            descriptor = ""
        else:
            descriptors = [descriptor_of(str(text)) for text in _list_of("parameter types", types)]
            if len(descriptors) != count:
                raise errors.InvalidArguments(
                    f"{self.key.interface}.{name}: {len(descriptors)} parameter types for {count} arguments"
                )
            descriptor = "".join(descriptors)
            found = overload(named, split_descriptor(descriptor))
        if not found:
            if types is None:
                raise errors.InvalidArguments(f"{self.key.interface}.{name}: takes {_counts(named)}, got {count}")
            raise errors.InvalidArguments(no_overload(self.key.interface, str(name), descriptor, named))
        return found[0]

    def _conversions(self, name: str) -> tuple[tuple[Conversion, ...], Conversion]:
        """How arguments and result of a method are converted."""
        found = self._compiled.get(name)
        if found is None:
            from rpcore.generic.conversions import Conversions

            method = self._methods[name]
            conversions = Conversions(self._naming)
            parameters = tuple(conversions.of(parameter.hint) for parameter in method.parameters)
            found = self._compiled[name] = parameters, conversions.of(method.returns)
        return found

    def _realized(
        self, entry: Entry, mode: Mode, parameters: tuple[Conversion, ...], given: Sequence[Any]
    ) -> tuple[Any, ...]:
        from rpcore.generic.conversions import realized

        args = self._methods[entry.name].args
        values = []
        try:
            for parameter, node, value in zip(args.names, parameters, given, strict=False):
                try:
                    plain = mode.read(value)
                except ValueError as error:
                    raise errors.DecodeError(str(error), path=f"args.{parameter}") from error
                values.append(realized(node, plain, f"args.{parameter}"))
        except errors.DecodeError as error:
            raise errors.InvalidArguments(f"{entry.service}.{entry.method}: {error}") from error
        return (*values, *args.defaults[len(values) :])

    # ---- what it raised

    def _wrapped(self, entry: Entry, error: BaseException) -> JavaException:
        """The exception as generic callers get it: they need no class of the service's."""
        from rpcore.javatypes import JavaException

        if isinstance(error, JavaException):
            if error.class_name in (GENERIC_EXCEPTION, OLD_GENERIC_EXCEPTION):
                return error
            name, message = error.class_name, error.message
        else:
            message = getattr(error, "message", None)  # as in a typed reply, where it has one
            name, message = self._name_of(entry, error), message if isinstance(message, str) else text_of(error)
        # As Java does: the whole trace is the text, if callers may see it.
        text = self._dispatch.traceback(error) or (f"{name}: {message}" if message else name)
        return JavaException(self._exception, text, exceptionClass=name, exceptionMessage=message)

    def _name_of(self, entry: Entry, error: BaseException) -> str:
        """The class that the caller is told: Java's where there is one."""
        for plan in entry.errors:
            if isinstance(error, plan.cls):
                return plan.wire_name
        cls = type(error)
        return JAVA_NAMES.get(cls) or (
            cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
        )


def _list_of(what: str, value: object) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise errors.InvalidArguments(f"$invoke: {what}: expected a list, got {type(value).__name__}")
    return value


def _counts(named: Sequence[Entry]) -> str:
    counts = sorted({count for entry in named for count in range(entry.required, entry.parameters + 1)})
    return f"{' or '.join(map(str, counts))} argument{'' if counts == [1] else 's'}"
