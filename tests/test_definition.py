"""What Java providers publish: the JSON of every version becomes one model, and what is none says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpcore.definition import ServiceDefinition, definition_of
from rpcore.errors import ConfigurationError
from rpcore.model import ServiceKey
from rpcore.signatures import PRIMITIVES, JavaType, parse_descriptor, parse_type

DATA = Path(__file__).parent / "data"
VERSIONS = ("2.7.23", "3.2.19", "3.3.6")


def load(version: str) -> ServiceDefinition:
    return ServiceDefinition.load(DATA / f"service-definition-{version}.json")


def parse(**parts: Any) -> ServiceDefinition:
    return ServiceDefinition.parse({"canonicalName": "org.demo.Users", **parts})


def method(name: str, *parameters: str, returns: str = "void") -> dict[str, Any]:
    return {"name": name, "parameterTypes": list(parameters), "returnType": returns}


# ---- as Dubbo writes it


@pytest.mark.parametrize("version", VERSIONS)
def test_definitions_of_every_version(version: str) -> None:
    definition = load(version)
    assert definition.interface == "org.rpcore.rig.AllTypes"
    assert definition.parameters["application"] == "rig"
    assert {each.descriptor for each in definition.by_name["over"]} == {
        *("I", "J", "Ljava/lang/String;", "Ljava/util/List;", "ILjava/lang/String;")
    }
    (order,) = definition.by_name["echoOrder"]
    assert order.descriptor == "Lorg/rpcore/rig/Page$Order;"
    (nested,) = definition.by_name["echoNested"]
    assert str(nested) == "echoNested(Map<String, List<Map<String, Integer>>>)"
    assert nested.parameter_types == ("java.util.Map",)
    assert definition.types["org.rpcore.rig.Page$Direction"].enums == ("UP", "DOWN")
    assert definition.types["org.rpcore.rig.Page"].properties == {
        "items": JavaType("java.util.List", (JavaType("java.lang.Object"),)),
        "order": JavaType("org.rpcore.rig.Page$Order"),
        "total": JavaType("long"),
    }


def test_all_versions_say_the_same() -> None:
    one, *others = map(load, VERSIONS)
    for other in others:
        assert {(m.name, m.descriptor, m.returns) for m in one.methods} == {
            (m.name, m.descriptor, m.returns) for m in other.methods
        }
        assert one.types.keys() == other.types.keys()
        for name in one.types:
            if name.startswith("org.rpcore."):
                assert one.types[name] == other.types[name]


def test_the_key_has_group_and_version() -> None:
    parameters = {"interface": "org.demo.Outer$Users", "version": "1.0.0", "group": "g", "timeout": None}
    definition = ServiceDefinition.parse({"canonicalName": "org.demo.Outer.Users", "parameters": parameters})
    assert definition.key == ServiceKey("org.demo.Outer$Users", "g", "1.0.0")
    assert parse(parameters={"version": "0.0.0"}).key == ServiceKey("org.demo.Users")
    assert repr(definition) == "<ServiceDefinition g/org.demo.Outer$Users:1.0.0, 0 methods, 0 types>"


def test_nested_classes_get_their_names_back() -> None:
    definition = parse(
        methods=[
            method("known", "org.demo.Users.Page[]", "java.util.Map.Entry"),
            method("seen", "org.demo.data.row.Cell"),  # lower-case classes are found by what is written elsewhere
            method("wild", "java.util.List<? extends org.demo.data.row$Cell>"),
            method("package", "org.demo.v1.Thing"),
        ]
    )
    descriptors = {each.name: each.descriptor for each in definition.methods}
    assert descriptors == {
        "known": "[Lorg/demo/Users$Page;Ljava/util/Map$Entry;",
        "seen": "Lorg/demo/data/row$Cell;",
        "wild": "Ljava/util/List;",
        "package": "Lorg/demo/v1/Thing;",
    }


def test_type_variables_are_objects_and_classes_without_package_are_not() -> None:
    definition = parse(
        methods=[method("find", "java.util.List<T>", "Row")], types=[{"type": "Row", "properties": {"id": "int"}}]
    )
    (find,) = definition.methods
    assert find.parameters[0].arguments == (JavaType("java.lang.Object"),)
    assert find.descriptor == "Ljava/util/List;LRow;"


def test_types_may_be_nested_named_referred_to_or_an_object() -> None:
    user = {"type": "org.demo.User", "properties": {"id": {"type": "long"}, "boss": {"type": "org.demo.User"}}}
    color = {"type": "org.demo.Color", "enum": ["RED"], "items": None, "properties": None, "$ref": None}
    generic = {"type": "java.util.Map<T,java.lang.Integer>", "items": [{"type": None}, {"type": "java.lang.Integer"}]}
    group = {"type": "org.demo.Group", "properties": {"first": user, "color": color, "all": generic}}
    again = {"type": "org.demo.Again", "properties": {"user": {"$ref": "$.types[0].properties.first"}}}
    named = {"type": "org.demo.User", "properties": {"id": "long", "boss": "org.demo.User"}}
    expected = {"id": JavaType("long"), "boss": JavaType("org.demo.User")}
    for types in ([group, again], {"org.demo.Group": group}, [named, {"type": "org.demo.Color", "enums": ["RED"]}]):
        found = parse(types=types).types
        assert found["org.demo.User"].properties == expected
        assert found["org.demo.Color"].enums == ("RED",)
    assert parse(types=[group, again]).types["org.demo.Again"].properties == {"user": JavaType("org.demo.User")}


def test_a_method_that_is_inherited_with_another_result_is_one() -> None:
    definition = parse(methods=[method("get", returns="org.demo.User"), method("get", returns="java.lang.Object")])
    assert [str(each) for each in definition.methods] == ["get()"]


def test_exceptions_are_known_by_their_fields() -> None:
    fields = dict.fromkeys(("detailMessage", "cause", "stackTrace", "suppressedExceptions", "id"), "java.lang.Object")
    found = parse(types=[{"type": "org.demo.NotFound", "properties": fields}, {"type": "org.demo.User"}]).types
    assert {name: each.is_throwable for name, each in found.items()} == {
        "org.demo.NotFound": True,
        "org.demo.User": False,
    }


def test_a_definition_or_its_file(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text('{"canonicalName": "org.demo.Users"}')
    definition = definition_of(path)
    assert definition.interface == "org.demo.Users"
    assert definition_of(definition) is definition


# ---- what is none


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[]", "expected an object, not list"),
        ("null", "expected an object, not nothing"),
        ("{}", "canonicalName: expected text, not nothing"),
        ("{'", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        ('{"canonicalName": 5}', "canonicalName: expected text, not int"),
        ('{"side": "consumer", "application": "a"}', "has the parameters of a consumer"),
        ('{"canonicalName": "a.B", "methods": {}}', "methods: expected a list, not dict"),
        ('{"canonicalName": "a.B", "methods": [5]}', "methods[0]: expected an object, not int"),
        ('{"canonicalName": "a.B", "methods": [{"name": "x"}]}', "methods[0].returnType: expected text"),
        (
            '{"canonicalName": "a.B", "methods": [{"name": "x", "returnType": "int", "parameterTypes": [1]}]}',
            "methods[0].parameterTypes[0]: expected text, not int",
        ),
        (
            '{"canonicalName": "a.B", "methods": [{"name": "x", "returnType": "int", "parameterTypes": ["a b"]}]}',
            "methods[0].parameterTypes[0]: 'a b' is no Java type",
        ),
        ('{"canonicalName": "a.B", "types": [{}]}', "types[0].type: expected text, not nothing"),
        ('{"canonicalName": "a.B", "types": [{"$ref": "$.types[7]"}]}', "types[0].$ref: there is no type at"),
        ('{"canonicalName": "a.B", "types": [{"type": "a.C", "properties": []}]}', "types[0].properties: expected an"),
        ('{"canonicalName": "a.B", "types": ' + "[" * 9000 + "]" * 9000 + "}", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(given: str | bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ServiceDefinition.parse(given, where="users.json")
    assert str(caught.value).startswith("users.json: ")
    assert message in str(caught.value)


NAMES = st.sampled_from(["a.B", "int", "T", "java.util.List<a.B>", "a.B[]", "?", "<", ""])
VALUES = st.recursive(
    st.none() | st.integers() | NAMES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "enums", "$ref", "name", "returnType"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries({"canonicalName": NAMES}, optional={"methods": VALUES, "types": VALUES, "parameters": VALUES})
)
def test_any_json_is_a_definition_or_refused(decoded: Any) -> None:
    try:
        definition = ServiceDefinition.parse(json.dumps(decoded))
    except ConfigurationError:
        return
    for each in definition.methods:
        assert "".join(parameter.descriptor for parameter in each.parameters) == each.descriptor


# ---- types as text


@pytest.mark.parametrize(
    ("text", "descriptor", "shown"),
    [
        ("int", "I", "int"),
        ("int[][]", "[[I", "int[][]"),
        ("[[I", "[[I", "int[][]"),
        ("[Ljava.lang.String;", "[Ljava/lang/String;", "String[]"),
        ("class [Lorg.demo.User;", "[Lorg/demo/User;", "User[]"),
        ("java.util.List", "Ljava/util/List;", "List"),
        ("java.util.Map<java.lang.String, int[]>[]", "[Ljava/util/Map;", "Map<String, int[]>[]"),
        ("java.util.Map<?,? extends a.B>", "Ljava/util/Map;", "Map<Object, B>"),
        ("java.util.List<? super a.B>", "Ljava/util/List;", "List<Object>"),
        ("a.Outer<a.T>$Inner<a.U>", "La/Outer$Inner;", "Outer.Inner<U>"),
        ("a.Outer$Inner", "La/Outer$Inner;", "Outer.Inner"),
    ],
)
def test_types_as_java_prints_them(text: str, descriptor: str, shown: str) -> None:
    found = parse_type(text)
    assert (found.descriptor, str(found)) == (descriptor, shown)


@pytest.mark.parametrize(
    "text", ["", "<", ".a", "a..B", "a.B<", "a.B<>", "a.B<c.D", "a.B>", "[]", "a b", "a.B,c.D", "5", "a.B[", "?x"]
)
def test_text_that_is_no_type(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no Java type"):
        parse_type(text)


CLASSES = st.sampled_from(["java.lang.String", "a.B$C", "Row", "a.b.c.D", *(set(PRIMITIVES) - {"void"})])
TYPES = st.builds(JavaType, CLASSES, st.just(()), st.integers(0, 3))


@given(st.lists(TYPES))
def test_descriptors_of_parameters(types: list[JavaType]) -> None:
    assert list(parse_descriptor("".join(each.descriptor for each in types))) == types


@given(TYPES)
def test_erased_types_are_read_back(java: JavaType) -> None:
    assert parse_type(java.erased) == java


@pytest.mark.parametrize("text", ["L;", "Ljava.lang.String;", "[", "Ljava/lang/String", "X", "I J"])
def test_text_that_is_no_descriptor(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no JVM descriptor"):
        parse_descriptor(text)
