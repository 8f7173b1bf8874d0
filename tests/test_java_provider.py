"""rpcore calls Dubbo Java: every type, every kind of exception, every way in which a call can go.

The provider is one JVM for each version of Dubbo (Provider.java). It compares what arrives with its own sample of that
name; here what comes back is compared with ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

import pytest

import rpcore
from conftest import Run
from java_api import AllTypes
from java_samples import SAMPLES, method_of, why_different
from rig_java import VERSIONS, Java, java_programs


@pytest.fixture(scope="module", params=VERSIONS)
def java(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, require: Callable[[str, str], NoReturn]
) -> Iterator[Java]:
    with java_programs(request.param, tmp_path_factory.mktemp("java"), require) as programs:
        assert programs.provider.address  # started here: it is the module's, no test's
        yield programs


@contextlib.asynccontextmanager
async def calling(java: Java, url: str | None = None, **options: Any) -> AsyncIterator[AllTypes]:
    """A stub for the provider's services."""
    async with rpcore.Client("memory://unused", application="rpcore-tests") as client:
        yield client.refer(AllTypes, url=url or java.provider.address, **options)


SHARING = "$.points[0]: what is one object and what are two has changed"
LOST = {
    "Double.minus-zero": "$: float -0.0 became float 0.0",  # by Java
    "LocalTime.nanos": "became java.time.LocalTime 13:14:15.123456",  # Python has no nanoseconds
    # Dubbo before 3.3 counts a UUID otherwise than 3.3: behind one, we send copies instead of references.
    "Fields.full": SHARING,
    "Object.fields": SHARING,
    # Java reads this one as an ArrayList.
    "Object.array-as-list": "$: TypedList ['a', 'b'] became list ['a', 'b']",
}


def test_every_type_there_and_back(java: Java, run: Run) -> None:
    async def main() -> dict[str, str]:
        wrong = {}
        async with calling(java) as service:
            for name, value in SAMPLES.items():
                try:
                    with rpcore.options(attachments={"sample": name}):
                        found = await getattr(service, method_of(name))(value)
                    why = why_different(value, found, exact=name.startswith("Object."))
                except rpcore.errors.RpcError as error:
                    why = f"{type(error).__name__}: {error}"[-400:]
                if why is not None and not why.endswith(LOST.get(name, "?")):
                    wrong[name] = why
        return wrong

    assert run(main(), limit=60.0) == {}
