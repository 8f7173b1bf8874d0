"""Modules from definitions: exactly Java's parameter types, valid and typed Python, the same source each time."""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rpcore._codec import hessian_dumps, hessian_loads
from rpcore.definition import MethodDefinition, ServiceDefinition, TypeDefinition
from rpcore.errors import ConfigurationError
from rpcore.javatypes import GenericObject
from rpcore.plan import compile_exception, compile_type
from rpcore.service import InterfaceSpec, interface_spec
from rpcore.signatures import JavaType, parse_type
from rpcore.stubgen import generate, generate_from_definitions

DATA = Path(__file__).parent / "data"
VERSIONS = ("2.7.23", "3.2.19", "3.3.6")
NAME = "generated_from_metadata"


def rig(version: str) -> ServiceDefinition:
    return ServiceDefinition.load(DATA / f"service-definition-{version}.json")


# Every type that Java knows and travels, and some that do not, in signatures; by the name of the method.
SIGNATURES: Mapping[str, list[str]] = {
    "primitives": ["boolean", "byte", "char", "double", "float", "int", "long", "short"],
    "boxes": [
        *(f"java.lang.{name}" for name in ("Boolean", "Byte", "Character", "Double", "Float", "Integer", "Long"))
    ],
    "shortBox": ["java.lang.Short", "java.lang.Void"],
    "texts": ["java.lang.String", "java.lang.CharSequence", "java.lang.StringBuilder", "java.lang.Class<?>"],
    "objects": [
        *(f"java.lang.{name}" for name in ("Object", "Number", "Comparable", "Iterable")),
        "java.io.Serializable",
    ],
    "numbers": ["java.math.BigDecimal", "java.math.BigInteger"],
    "atomics": [f"java.util.concurrent.atomic.Atomic{name}" for name in ("Boolean", "Integer", "Long")],
    "dates": ["java.util.Date", "java.util.Calendar", "java.sql.Timestamp", "java.sql.Date", "java.sql.Time"],
    "times": [
        *(f"java.time.{name}" for name in ("LocalDate", "LocalTime", "LocalDateTime", "Instant", "Duration", "Period")),
        *(f"java.time.{name}" for name in ("OffsetDateTime", "ZonedDateTime", "OffsetTime", "ZoneOffset", "ZoneId")),
        *(f"java.time.{name}" for name in ("Year", "YearMonth", "MonthDay", "Month")),
    ],
    "others": [
        *(f"java.util.{name}" for name in ("UUID", "Locale", "Currency", "BitSet", "Optional<java.lang.String>")),
        *("java.net.URI", "java.net.URL", "java.io.File", "java.io.InputStream"),
        "java.util.Map.Entry<java.lang.String,java.lang.Integer>",
        "java.util.EnumSet<org.demo.Catalog.Color>",
    ],
    "lists": [
        *(
            f"java.util.{name}<java.lang.String>"
            for name in ("List", "ArrayList", "LinkedList", "Vector", "Collection")
        ),
        *(f"java.util.{name}<java.lang.Integer>" for name in ("Queue", "Deque", "Stack", "AbstractList")),
        "java.util.concurrent.CopyOnWriteArrayList<java.lang.Long>",
        "java.util.List<java.util.List<? extends org.demo.Catalog$Item>>",
        "java.util.List<T>",
        "java.util.List",
    ],
    "sets": [
        *(
            f"java.util.{name}<java.lang.String>"
            for name in ("Set", "HashSet", "LinkedHashSet", "TreeSet", "SortedSet")
        ),
        *("java.util.Set<org.demo.Catalog.Color>", "java.util.Set<org.demo.Catalog.Item>", "java.util.Set<?>"),
    ],
    "maps": [
        *(
            f"java.util.{name}<java.lang.String,java.lang.Integer>"
            for name in ("Map", "HashMap", "TreeMap", "SortedMap")
        ),
        *("java.util.Properties", "java.util.Hashtable", "java.util.EnumMap<org.demo.Catalog.Color,java.lang.Long>"),
        "java.util.concurrent.ConcurrentHashMap<java.lang.Long,java.util.List<org.demo.Catalog.Item>>",
        "java.util.Map<org.demo.Catalog.Item,java.lang.String>",
    ],
    "arrays": [
        *(f"{name}[]" for name in ("boolean", "byte", "char", "double", "float", "int", "long", "short")),
        *("java.lang.String[]", "java.lang.Object[]", "java.lang.Integer[]", "java.util.Date[]", "java.util.List[]"),
        *("int[][]", "byte[][]", "char[][]", "java.lang.String[][][]", "org.demo.Catalog.Item[]"),
        *("org.demo.Catalog.Color[]", "org.demo.Catalog.Shape[]"),
    ],
    "classes": ["org.demo.Catalog.Item", "org.demo.Catalog.Color", "org.demo.Catalog.Shape", "org.demo.other.Item"],
    "throwables": ["java.lang.Throwable", "java.lang.IllegalStateException", "org.demo.NotFoundException"],
}
THROWABLE = {
    "detailMessage": "java.lang.String",
    "cause": "java.lang.Throwable",
    "stackTrace": "java.lang.StackTraceElement[]",
    "suppressedExceptions": "java.util.List<java.lang.Throwable>",
}
CATALOG = {
    "canonicalName": "org.demo.Catalog",
    "parameters": {"version": "1.0.0", "group": "g1"},
    "methods": [
        *({"name": name, "parameterTypes": types, "returnType": types[0]} for name, types in SIGNATURES.items()),
        *(
            {"name": "over", "parameterTypes": types, "returnType": "void"}
            for types in (["int"], ["long"], ["int[]"], ["java.lang.Long", "int"], ["a.User"], ["b.User"], [])
        ),
        *(
            {"name": name, "parameterTypes": [], "returnType": "java.util.concurrent.CompletableFuture"}
            for name in ("import", "getURL", "getUrl", "parseXMLFile", "lambda$one", "_hidden", "print", "str", "self")
        ),
    ],
    "types": [
        {
            "type": "org.demo.Catalog.Item",
            "properties": {
                "id": "long",
                "fullName": "java.lang.String",
                "URL": "java.lang.String",
                "snake_case": "java.lang.Integer",
                "userID": "int",
                "userId": "int",
                "from": "java.lang.String",
                "type": "org.demo.Catalog.Color",
                "int": "java.util.List<java.lang.Integer>",
                "letter": "char",
                "active": "boolean",
                "ratio": "float",
                "parent": "org.demo.Catalog.Item",
                "children": "java.util.List<org.demo.Catalog.Item>",
                "created": "java.util.Date",
                "date": "java.time.LocalDate",
                "value$1": "java.lang.Object",
            },
        },
        {"type": "org.demo.Catalog.Color", "enums": ["RED", "None", "GREEN"]},
        {"type": "org.demo.Catalog.Shape"},
        {"type": "org.demo.other.Item", "properties": {"name": "java.lang.String"}},
        {"type": "a.User", "properties": {"id": "long"}},
        {"type": "b.User", "properties": {"id": "long"}},
        {"type": "java.time.Month", "enums": ["JANUARY", "FEBRUARY"]},
        {"type": "java.util.Calendar", "properties": {"time": "long"}},
        {
            "type": "org.demo.NotFoundException",
            "properties": {**THROWABLE, "itemId": "long", "places": "java.util.List<java.lang.String>"},
        },
    ],
}


def catalog() -> ServiceDefinition:
    return ServiceDefinition.parse(CATALOG)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop(NAME, None)


def load(directory: Path, *definitions: ServiceDefinition, **options: Any) -> ModuleType:
    sys.modules.pop(NAME, None)
    (directory / f"{NAME}.py").write_text(generate_from_definitions(definitions, **options))
    importlib.invalidate_caches()
    return importlib.import_module(NAME)


def spec_of(module: ModuleType, name: str) -> InterfaceSpec:
    return interface_spec(getattr(module, name))


# ---- parameter types


@pytest.mark.parametrize("definition", [*map(rig, VERSIONS), catalog()], ids=[*VERSIONS, "catalog"])
def test_every_method_has_exactly_the_descriptor_of_java(tmp_path: Path, definition: ServiceDefinition) -> None:
    spec = spec_of(load(tmp_path, definition), definition.interface.rpartition(".")[2])
    assert spec.key == definition.key
    ours = [(method.spec.wire_name, method.descriptor) for method in spec.resolve()]
    assert sorted(ours) == sorted((method.name, method.descriptor) for method in definition.methods)
    assert len(ours) == len(set(ours))


def test_every_class_has_java_s_name_and_fields(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    plan = compile_type(module.CatalogItem)
    data = hessian_dumps(plan, module.CatalogItem(from_="here", url="there"))
    (found,) = hessian_loads(data.replace(b"org.demo.Catalog$Item", b"org.demo.Catalog$Unkn"))
    assert isinstance(found, GenericObject)
    assert set(found.names) == set(catalog().types["org.demo.Catalog$Item"].properties)
    assert (found["from"], found["URL"], found["userID"], found["letter"]) == ("here", "there", 0, "\x00")


def test_values_come_back_typed(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    item = module.CatalogItem(id=2**40, full_name="x", type=module.Color.RED, parent=None, user_id=1, user_id_=2)
    item.children = [module.CatalogItem(parent=item)]
    plan = compile_type(module.CatalogItem)
    (found,) = hessian_loads(hessian_dumps(plan, item), plan)
    assert (found.id, found.full_name, found.type, found.user_id, found.user_id_) == (
        2**40,
        "x",
        module.Color.RED,
        1,
        2,
    )
    assert found.children[0].parent is found
    assert hessian_loads(hessian_dumps(None, module.Color["None"])) == [module.Color["None"]]


# ---- names


def test_python_names(tmp_path: Path) -> None:
    spec = spec_of(load(tmp_path, catalog()), "Catalog")
    names = spec.wire_names
    assert {python: wire for python, wire in names.items() if wire != "over" and wire not in SIGNATURES} == {
        "import_": "import",
        "get_url": "getURL",
        "get_url_": "getUrl",
        "parse_xml_file": "parseXMLFile",
        "lambda_one": "lambda$one",
        "hidden": "_hidden",
        "print": "print",
        "str": "str",
        "self": "self",
    }
    overloads = [method for method in spec.resolve() if method.spec.wire_name == "over"]
    assert {method.spec.name: method.descriptor for method in overloads} == {
        "over": "",
        "over_int": "I",
        "over_long": "J",
        "over_int_array": "[I",
        "over_long_int": "Ljava/lang/Long;I",
        "over_user": "La/User;",
        "over_user_": "Lb/User;",
    }


def test_classes_of_one_name(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    assert {field.name for field in fields(module.Item)} == {
        "name"
    }  # org.demo.other.Item; the nested one has its outer's
    assert compile_type(module.User).descriptor == "La/User;"
    assert compile_type(module.User2).descriptor == "Lb/User;"


def test_parameters_are_called_after_their_classes(tmp_path: Path) -> None:
    def parameters(*types: str) -> str:
        java = tuple(map(parse_type, types))
        known = {name: TypeDefinition(name, {"id": JavaType("int")}) for name in ("a.User", "a.UserGroup", "a.Self")}
        one = ServiceDefinition("a.S", (MethodDefinition("f", java, JavaType("void")),), known)
        (method,) = spec_of(load(tmp_path, one), "S").resolve()
        return ", ".join(method.args.names)

    assert parameters("a.User", "int", "a.UserGroup") == "user, arg1, user_group"
    assert parameters("a.User", "a.User", "a.User[]", "a.Self") == "arg0, arg1, arg2, arg3"


# ---- exceptions


def test_exceptions_have_their_fields_and_are_declared(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    assert spec_of(module, "Catalog").raises == (module.NotFoundException,)
    error = module.NotFoundException("gone", item_id=5, places=["here"])
    assert str(error) == "gone"
    plan = compile_exception(module.NotFoundException)
    assert plan.wire_name == "org.demo.NotFoundException"
    (found,) = hessian_loads(hessian_dumps(plan, error), plan)
    assert (str(found), found.message, found.item_id, found.places) == ("gone", "gone", 5, ["here"])
    assert vars(module.NotFoundException()) == {"message": None, "item_id": 0, "places": None}


def test_exceptions_that_a_definition_does_not_mention(tmp_path: Path) -> None:
    module = load(tmp_path, rig("3.3.6"), raises=["org.rpcore.rig.NotFoundException"])
    assert spec_of(module, "AllTypes").raises == (module.NotFoundException,)
    with pytest.raises(ConfigurationError, match="'no name' is no name of a Java class"):
        generate_from_definitions([rig("3.3.6")], raises=["no name"])


# ---- source


def test_versions_and_order_make_no_difference() -> None:
    one, *others = (generate_from_definitions([rig(version)]) for version in VERSIONS)
    assert others == [one, one]
    methods, types = list(CATALOG["methods"]), list(CATALOG["types"])  # type: ignore[call-overload]
    expected = generate_from_definitions([catalog()])
    for seed in range(3):
        random.Random(seed).shuffle(methods)
        random.Random(seed).shuffle(types)
        shuffled = ServiceDefinition.parse({**CATALOG, "methods": methods, "types": types})
        assert generate_from_definitions([shuffled]) == expected


def test_several_services_share_their_classes(tmp_path: Path) -> None:
    def service(name: str) -> ServiceDefinition:
        methods = [{"name": "find", "parameterTypes": ["int"], "returnType": "a.User"}]
        types = [{"type": "a.User", "properties": {"id": "long"}}]
        return ServiceDefinition.parse({"canonicalName": name, "methods": methods, "types": types})

    module = load(tmp_path, service("a.Users"), service("a.Groups"), service("b.Users"))
    assert {name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == NAME} == {
        *("Users", "Groups", "Users2", "User")
    }
    assert spec_of(module, "Users2").key.interface == "b.Users"
    assert spec_of(module, "Groups").resolve()[0].returns == module.User | None


def test_docstrings_have_the_java_signature(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    assert module.Catalog.over_long_int.__doc__ == "Java: void over(Long, int)"
    assert " ".join(module.Catalog.arrays.__doc__.split()).endswith("Catalog.Color[], Catalog.Shape[])")
    assert "org.demo.Catalog:1.0.0" in (module.__doc__ or "")


def test_a_blocking_view_of_the_module(tmp_path: Path) -> None:
    load(tmp_path, catalog())
    (tmp_path / "view_of_it.py").write_text(generate(NAME, kind="blocking"))
    importlib.invalidate_caches()
    view = importlib.import_module("view_of_it")
    del sys.modules["view_of_it"]
    ours, theirs = interface_spec(view.CatalogSync), spec_of(sys.modules[NAME], "Catalog")
    assert [each.descriptor for each in ours.resolve()] == [each.descriptor for each in theirs.resolve()]


def test_a_client_made_of_the_module_keeps_every_descriptor(tmp_path: Path) -> None:
    module = load(tmp_path, catalog())
    before = {m.spec.name: (m.spec.wire_name, m.descriptor) for m in spec_of(module, "Catalog").resolve()}
    (tmp_path / f"{NAME}.py").write_text(generate(NAME))
    del sys.modules[NAME]
    importlib.invalidate_caches()
    again = spec_of(importlib.import_module(NAME), "Catalog").resolve()
    assert {m.spec.name: (m.spec.wire_name, m.descriptor) for m in again} == before


@pytest.mark.parametrize("definitions", [[], [ServiceDefinition("a.Empty")]])
def test_nothing_to_write(definitions: list[ServiceDefinition]) -> None:
    with pytest.raises(ConfigurationError, match="stubgen: "):
        generate_from_definitions(definitions)


def wide() -> ServiceDefinition:
    """Names of every length, so that lines are broken wherever they can be."""

    def methods() -> Iterator[MethodDefinition]:
        for size in range(1, 110):
            name = f"a.{'X' * size}"
            for shape in (
                "{0}",
                "java.util.List<{0}>",
                "java.util.Map<java.lang.String,{0}[]>",
                "java.util.TreeSet<{0}>",
            ):
                java = parse_type(shape.format(name))
                at = len(shape)
                yield MethodDefinition(f"m{at}s{size}", (), java)
                yield MethodDefinition(f"n{at}s{size}", (java,), JavaType("int"))
                yield MethodDefinition(f"o{at}s{size}", (JavaType("int"), java), java)

    types = {
        f"a.{'X' * size}": TypeDefinition(f"a.{'X' * size}", {"next": JavaType(f"a.{'X' * size}")})
        for size in range(1, 110)
    }
    exception = dict.fromkeys(THROWABLE, JavaType("java.lang.Object"))
    for size in range(1, 110):
        properties = {f"f{at}s{size}": parse_type(f"{shape}a.{'X' * size}>") for at, shape in ((4, "java.util.List<"),)}
        properties[f"G{size}"] = properties[f"f4s{size}"]
        types[f"b.T{'Y' * size}"] = TypeDefinition(f"b.T{'Y' * size}", properties)
        types[f"c.E{size}"] = TypeDefinition(f"c.E{size}", exception | properties)
    more = tuple(
        MethodDefinition(f"p{size}", (JavaType(f"b.T{'Y' * size}"),), JavaType("int")) for size in range(1, 110)
    )
    return ServiceDefinition("a.S", (*methods(), *more), types)


def test_formatters_leave_it_alone(tmp_path: Path) -> None:
    for name, definition in (("rig", rig("3.3.6")), ("catalog", catalog()), ("wide", wide())):
        (tmp_path / f"{name}.py").write_text(generate_from_definitions([definition]))
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[:5000] + done.stderr


USE = f"""
from typing import assert_type

import rpcore
from {NAME} import AllTypes, Color, Page, Point


async def use(client: rpcore.Client) -> None:
    service = client.refer(AllTypes)
    assert_type(await service.echo_int(1), int)
    assert_type(await service.echo_int_box(None), int | None)
    assert_type(await service.echo_point(Point(x=1)), Point | None)
    assert_type(await service.echo_color(Color.RED), Color | None)
    assert_type(await service.echo_strings(["a"]), list[str] | None)
    assert_type(await service.over_list(["a"]), str | None)
    page = await service.echo_page(Page(total=1))
    assert page is not None
    await service.echo_int("1")  # error
    await service.echo_point(Color.RED)  # error
    Point(1, 2)  # error: its order is nobody's promise
"""


def test_it_is_typed(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.py").write_text(generate_from_definitions([rig("3.3.6")]))
    (tmp_path / "catalog.py").write_text(generate_from_definitions([catalog()]))
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path / ".cache")]
    done = subprocess.run(
        [*command, "use.py", f"{NAME}.py", "catalog.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    wrong = {
        line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line and line.startswith("use.py")
    }
    expected = {str(number) for number, line in enumerate(USE.splitlines(), 1) if "# error" in line}
    assert wrong == expected, done.stdout
    assert {line.split(":")[0] for line in done.stdout.splitlines() if ": error:" in line} == {"use.py"}, done.stdout
