"""Whether a declaration is what the Java provider has, by the definition that the provider published.

Java finds a method by its name and the exact types of its parameters. A declaration that differs fails at the first
call with a BAD_REQUEST that says little; ``compare`` says it before, with the Java signature and the hint to write.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, is_dataclass, make_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_origin

from rpcore.assignable import contradicts
from rpcore.class_hints import union_members
from rpcore.definition import MethodDefinition, ServiceDefinition, Source, definition_of
from rpcore.errors import ConfigurationError
from rpcore.javahints import Hints, described, text_of
from rpcore.options import nearest
from rpcore.signatures import BOXES, JavaType
from rpcore.types import DTO, Dto, named_class

if TYPE_CHECKING:
    from rpcore.service import InterfaceSpec, ResolvedMethod

logger = logging.getLogger("rpcore.client")

_COLLECTIONS = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a method differs.

    Attributes:
        level: ``"error"``: no call of it can work. ``"warning"``: its result may be read wrongly, or not at all.
        method: its Python name.
        text: what differs, and what to write instead.
    """

    level: Literal["error", "warning"]
    method: str
    text: str

    def __str__(self) -> str:
        return f"{self.method}: {self.text}"


def compare(methods: Iterable[ResolvedMethod], definition: ServiceDefinition) -> list[Problem]:
    """Everything in which declared methods differ from the definition. Methods that are not declared are none of it.

    Args:
        methods: of one interface, resolved (``InterfaceSpec.resolve``).
        definition: what a provider published.
    """
    return [problem for method in methods for problem in _Comparison(method, definition).problems()]


def require_defined(spec: InterfaceSpec, definition: Source) -> None:
    """Refuse a declaration that cannot be called; what may only be read wrongly is logged.

    What ``refer(definition=...)`` does, and whoever is sent a definition by a registry.

    Args:
        spec: an interface or blocking view.
        definition: what a provider published, or the path of its JSON.

    Raises:
        ConfigurationError: it cannot be read, is another service's, or has declared methods otherwise or not at all;
            the text has every problem.
    """
    found = definition_of(definition)
    name = spec.cls.__name__
    if found.interface != spec.key.interface:
        raise ConfigurationError(f"{name} declares {spec.key.interface}, but the definition is of {found.interface}")
    problems = compare(spec.resolve(), found)
    if any(problem.level == "error" for problem in problems):
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise ConfigurationError(f"{name} is not {found.interface} as its provider defines it:{lines}")
    for problem in problems:
        logger.warning("%s.%s", name, problem)


class _Comparison:
    """One declared method beside what Java has under its name."""

    def __init__(self, method: ResolvedMethod, definition: ServiceDefinition) -> None:
        self.method = method
        self.definition = definition
        self.overloads = definition.by_name.get(method.spec.wire_name, ())
        self.hints = Hints(self.class_of)

    def problems(self) -> Iterator[Problem]:
        same = [each for each in self.overloads if each.descriptor == self.method.descriptor]
        if same:
            yield from self.result(same[0])
        else:
            yield Problem("error", self.method.spec.name, self.unlike())

    # ---- parameters

    def unlike(self) -> str:
        wire = self.method.spec.wire_name
        if not self.overloads:
            return f"Java has no method {wire}{nearest(wire, self.definition.by_name)}"
        has = ", ".join(f"{each} as {each.descriptor!r}" for each in self.overloads)
        declared = f"declared {self.declared()} is sent as {self.method.descriptor!r}"
        return f"Java has {has}; {declared}; {self.advice()}"

    def declared(self) -> str:
        parameters = ", ".join(f"{each.name}: {text_of(each.hint)}" for each in self.method.parameters)
        return f"{self.method.spec.wire_name}({parameters})"

    def advice(self) -> str:
        """What to write, for the overload that takes the least writing."""
        ours = self.method.parameters
        best = min(self.overloads, key=lambda each: (abs(len(each.parameters) - len(ours)), self.cost(each)))
        if len(best.parameters) < len(ours):
            names = ", ".join(repr(each.name) for each in ours[len(best.parameters) :])
            return f"{best} has no place for {names}"
        changes = [
            f"`{mine.name}: {self.hint(java)}`"
            for mine, plan, java in zip(ours, self.method.args.plans, best.parameters, strict=False)
            if plan.descriptor != java.descriptor
        ]
        changes += [f"one more parameter, `{self.hint(java)}`" for java in best.parameters[len(ours) :]]
        missing = dict.fromkeys(name for java in best.parameters for name in self.undeclared(java))
        notes = [f'; {JavaType(name).simple_name} is a class with @rpcore.wire_name("{name}")' for name in missing]
        return f"write {' and '.join(changes)}{''.join(notes)}"

    def cost(self, java: MethodDefinition) -> int:
        """How many parameters would change."""
        plans = self.method.args.plans
        return sum(plan.descriptor != each.descriptor for plan, each in zip(plans, java.parameters, strict=False))

    def hint(self, java: JavaType) -> str:
        """The hint for a parameter that is not None, where Java does not make that another type."""
        boxed = java.name in BOXES and not java.dimensions
        return text_of(self.hints.parameter(java) if boxed else described(self.hints.present(java), java))

    # ---- result

    def result(self, java: MethodDefinition) -> Iterator[Problem]:
        expected, declared = self.hints.value(java.returns), self.method.returns
        if _is_misread(expected, declared):
            text = f"Java returns {java.returns}, which is {text_of(expected)}; declared is {text_of(declared)}"
            yield Problem("warning", self.method.spec.name, text)

    # ---- classes

    def class_of(self, name: str) -> Any:
        """The declared class of a wire name; one that nobody declared is made up, for the message."""
        known = named_class(name)
        if known is not None:
            return known
        said = self.definition.types.get(name)
        if said is None or not (said.properties or said.enums):
            return Any
        simple = JavaType(name).simple_name
        made: Any = Enum(simple, {each: each for each in said.enums}) if said.enums else make_dataclass(simple, ())
        setattr(made, DTO, Dto(name))
        return made

    def undeclared(self, java: JavaType) -> Iterator[str]:
        """The classes in a type that the definition has and Python has not."""
        if java.name in self.definition.types and named_class(java.name) is None:
            said = self.definition.types[java.name]
            if (said.properties or said.enums) and self.hints.class_of(java.name) is not Any:
                yield java.name
        for argument in java.arguments:
            yield from self.undeclared(argument)


def _is_misread(expected: Any, declared: Any) -> bool:
    """Whether a value of the one hint cannot be read as the other. A record may be filled from any object."""
    for member in _members(expected):
        cls = get_origin(member) or member
        for theirs in _members(declared):
            target = get_origin(theirs) or theirs
            both_are_collections = all(
                isinstance(each, type) and issubclass(each, _COLLECTIONS) for each in (cls, target)
            )
            both_are_records = all(is_dataclass(each) for each in (cls, target))
            if both_are_collections or both_are_records or not contradicts(member, theirs):
                return False
    return True


def _members(hint: Any) -> list[Any]:
    """The members of a union, None apart from a hint that is nothing else."""
    members = [each for each in union_members(hint) if each not in (None, type(None))]
    return members or [type(None)]
