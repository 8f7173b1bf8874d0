"""Options: what is accepted, and whose value wins."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcore.errors import ConfigurationError
from rpcore.model import OPTION_NAMES, Instance, Options, ServiceKey
from rpcore.options import (
    DEFAULTS,
    CallOptions,
    Layer,
    OptionValues,
    Place,
    layer,
    published,
    resolve,
    validate,
)

PLACES: tuple[Place, ...] = get_args(Place)
BOTH = {
    "timeout": 0.5,
    "deadline": 3,
    "retries": 0,
    "idempotent": True,
    "retry_on": "dubbo",
    "oneway": True,
    "cluster": "failfast",
    "loadbalance": "leastactive",
    "serialization": "msgpack",
    "weight": 0,
    "warmup": 0,
    "tag": "gray",
    "connections": 4,
    "payload": 1,
    "executes": 10,
    "cancellable": False,
    "check": False,
}
"""One good value of every option."""


def refusal(make: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        make()
    return str(caught.value)


def given_for(place: Place) -> dict[str, Any]:
    good = {}
    for name, value in BOTH.items():
        try:
            validate({name: value}, place=place, where="x")
        except ConfigurationError:
            continue
        good[name] = value
    return good


def test_every_option_is_known_everywhere_the_same() -> None:
    assert tuple(BOTH) == OPTION_NAMES == tuple(get_type_hints(OptionValues))
    assert {name for place in PLACES for name in given_for(place)} == set(OPTION_NAMES)
    fields = {field.name for field in dataclasses.fields(CallOptions)} - {"_layers", "_latest"}
    assert fields == set(OPTION_NAMES)
    assert {*DEFAULTS.given(), "deadline"} == fields


def test_where_options_mean_something() -> None:
    anywhere = {"timeout", "deadline", "retries", "idempotent", "retry_on"}
    policy = anywhere | {"cluster", "loadbalance", "serialization"}
    assert set(given_for("call")) == anywhere | {"tag"}
    assert set(given_for("method")) == policy | {"oneway", "executes", "cancellable"}
    assert set(given_for("interface")) == set(OPTION_NAMES) - {"tag"}
    assert set(given_for("refer")) == policy | {"tag", "connections", "payload", "check"}
    assert set(given_for("export")) == policy | {"tag", "weight", "warmup", "payload", "executes", "cancellable"}


@pytest.mark.parametrize("place", PLACES)
def test_good_values_pass_unchanged(place: Place) -> None:
    values = given_for(place)
    assert validate(values, place=place, where="x").given() == values


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("timeout", v, "a number of seconds above 0") for v in (0, -1, math.nan, math.inf, "1", True, None, 3e6)),
        *(("deadline", v, "a number of seconds above 0") for v in (0.0, math.inf)),
        *(("retries", v, "an int from 0 to 1000") for v in (-1, 1.0, True, "2", 1001)),
        *(("idempotent", v, "True or False") for v in (0, 1, "yes", None)),
        *(("retry_on", v, "'safe' or 'dubbo'") for v in ("java", True)),
        *(("cluster", v, "a name") for v in ("", 5, None)),
        *(("serialization", v, "'msgpack' or 'hessian2'") for v in ("fastjson2", 29)),
        *(("weight", v, "an int of at least 0") for v in (-1, 1.5, 2**31)),
        *(("warmup", v, "a number of seconds of at least 0") for v in (-0.1, math.nan)),
        *(("connections", v, "an int from 1 to 1024") for v in (0, 1025)),
        *(("payload", v, "an int of bytes from 1 to 256 MiB") for v in (0, 2**28 + 1)),
        *(("executes", v, "an int of at least 0 (0: no limit)") for v in (-1, False)),
    ],
)
def test_bad_values_are_refused_with_name_and_expectation(name: str, value: Any, expected: str) -> None:
    message = refusal(lambda: validate({name: value}, place="interface", where="Users"))
    assert message.startswith(f"Users: option {name!r} must be {expected}")
    assert message.endswith(f"not {value!r}")


def test_unknown_options_show_the_nearest() -> None:
    def text(name: str) -> str:
        return refusal(lambda: validate({name: 1}, place="refer", where="refer(Users)"))

    assert text("loadBalance") == "refer(Users): unknown option 'loadBalance' (did you mean 'loadbalance'?)"
    assert text("qqqq").endswith(f"(known: {', '.join(sorted(OPTION_NAMES))})")


NAMES = {"find": "find", "find_all": "findAll"}


def make(values: dict[str, Any], methods: dict[str, dict[str, Any]] | None, place: Place = "refer") -> Layer:
    return layer(place, values, methods, place=place, where="refer(Users)", wire_names=NAMES)


def test_a_layer_keeps_methods_by_wire_name() -> None:
    made = make({"timeout": 2.0}, {"find": {"retries": 0}, "findAll": {"timeout": 5.0}})
    assert made == Layer("refer", Options(timeout=2.0), {"find": Options(retries=0), "findAll": Options(timeout=5.0)})
    assert make({}, None) == Layer("refer")


def test_wrong_methods_of_a_layer() -> None:
    assert refusal(lambda: make({}, {"fnd": {}})).startswith(
        "refer(Users): methods: no method 'fnd' (did you mean 'find'"
    )
    assert "given twice" in refusal(lambda: make({}, {"find_all": {}, "findAll": {}}))
    assert refusal(lambda: make({}, {"find": {"timeout": 0}})).startswith(
        "refer(Users): methods['find']: option 'timeout' must be"
    )
    assert refusal(lambda: make({}, {"find": {"connections": 2}})) == (
        "refer(Users): methods['find']: option 'connections' is for the whole service, not for one method"
    )


def declared(options: Options = DEFAULTS, **methods: Options) -> Layer:
    return Layer("declaration", options, methods)


def test_defaults() -> None:
    options = resolve("find", declaration=Layer("declaration"))
    assert (options.timeout, options.deadline, options.retries) == (1.0, 1.0, 2)
    assert (options.payload, options.connections) == (8 * 1024 * 1024, 1)
    assert (options.cluster, options.loadbalance, options.retry_on) == ("failover", "random", "safe")
    assert (options.cancellable, options.weight, options.warmup) == (True, 100, 600.0)
    assert options.sources["timeout"] == (1.0, "default")
    assert options.sources["deadline"] == (1.0, "default (follows from timeout and retries)")
    assert list(options.sources) == list(OPTION_NAMES)


LAYERS = ["declaration", "provider", "refer", "rule"]
"""Weakest first."""


@pytest.mark.parametrize("weak", range(4))
@pytest.mark.parametrize("strong", range(4))
def test_the_stronger_layer_wins_and_the_method_beats_the_interface(weak: int, strong: int) -> None:
    def layers(*given: tuple[int, Layer]) -> CallOptions:
        made = {LAYERS[i]: one for i, one in given}
        return resolve("find", **{"declaration": Layer("declaration"), **made})

    low, high = Options(timeout=1.5), Options(timeout=2.5)
    if weak < strong:
        options = layers((weak, Layer(LAYERS[weak], low)), (strong, Layer(LAYERS[strong], high)))
        assert options.sources["timeout"] == (2.5, LAYERS[strong])
        options = layers(
            (weak, Layer(LAYERS[weak], methods={"find": low})),
            (strong, Layer(LAYERS[strong], methods={"find": high})),
        )
        assert options.sources["timeout"] == (2.5, f"{LAYERS[strong]} (find)")
    if weak != strong:
        options = layers(
            (weak, Layer(LAYERS[weak], methods={"find": low, "other": high})),
            (strong, Layer(LAYERS[strong], high)),
        )
        assert options.sources["timeout"] == (1.5, f"{LAYERS[weak]} (find)")


def test_only_given_values_count() -> None:
    options = resolve(
        "find",
        declaration=Layer("declaration", Options(timeout=3.0, retries=7)),
        refer=Layer("refer", Options(timeout=4.0)),
    )
    assert (options.timeout, options.retries) == (4.0, 7)
    assert options.sources["retries"] == (7, "declaration")


def test_the_call_beats_everything() -> None:
    options = resolve(
        "find",
        declaration=Layer("declaration", methods={"find": Options(timeout=3.0)}),
        rule=Layer("rule", methods={"find": Options(timeout=4.0)}),
        call=Options(timeout=5.0),
    )
    assert options.sources["timeout"] == (5.0, "call")


@pytest.mark.parametrize(
    ("given", "deadline"),
    [
        (Options(timeout=2.0), 2.0),
        (Options(timeout=2.0, idempotent=True), 6.0),
        (Options(timeout=2.0, retry_on="dubbo"), 6.0),
        (Options(timeout=2.0, retries=0, idempotent=True), 2.0),
        (Options(timeout=2.0, deadline=1.0, idempotent=True), 1.0),
    ],
)
def test_the_deadline_that_follows(given: Options, deadline: float) -> None:
    layer = Layer("declaration", given)
    assert resolve("find", declaration=layer).deadline == deadline
    assert resolve("find", declaration=Layer("declaration")).overridden(given).deadline == deadline


def test_a_given_deadline_stays_when_the_call_changes_its_timeout() -> None:
    options = resolve("find", declaration=Layer("declaration", Options(deadline=2.0)))
    over = options.overridden(Options(timeout=5.0))
    assert (over.timeout, over.deadline) == (5.0, 2.0)
    assert over.sources["deadline"] == (2.0, "declaration")


def test_overriding_leaves_the_original_alone() -> None:
    options = resolve("find", declaration=Layer("declaration"))
    over = options.overridden(Options(timeout=5.0, tag="gray"))
    assert (over.timeout, over.deadline, over.tag) == (5.0, 5.0, "gray")
    assert (options.timeout, options.tag) == (1.0, "")
    assert over.overridden(Options(retries=0)).sources["timeout"] == (5.0, "call")
    assert options.overridden(Options()) is options
    same = Options(timeout=5.0)
    assert options.overridden(same) is options.overridden(same)
    assert options.overridden(same) == over.overridden(Options(tag=""))
    with pytest.raises(dataclasses.FrozenInstanceError):
        over.timeout = 1.0  # type: ignore[misc]


def test_what_a_provider_says_of_itself_is_not_taken_over() -> None:
    instance = Instance(
        ServiceKey("demo.Users"),
        "127.0.0.1",
        1,
        options=Options(timeout=2.0, tag="gray", weight=1, executes=5, warmup=1.0),
        method_options={"find": Options(retries=0, tag="gray")},
    )
    assert published(instance) == Layer("provider", Options(timeout=2.0), {"find": Options(retries=0)})


option_sets = st.fixed_dictionaries(
    {}, optional={name: st.just(value) for name, value in BOTH.items() if name not in ("deadline",)}
).map(lambda values: Options(**values))


@given(option_sets, option_sets, option_sets)
def test_an_overridden_value_is_what_resolving_with_it_gives(low: Options, high: Options, call: Options) -> None:
    layers = {"declaration": Layer("declaration", low), "refer": Layer("refer", methods={"find": high})}
    assert resolve("find", **layers).overridden(call) == resolve("find", **layers, call=call)
    merged = {**DEFAULTS.given(), **low.given(), **high.given(), **call.given()}
    resolved = resolve("find", **layers, call=call)
    assert {name: getattr(resolved, name) for name in merged} == merged
