"""The cases of bench/codec.py under pytest-benchmark: ``pytest bench/test_codec_bench.py``."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.codec import Case, cases

every_case = pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)


@every_case
@pytest.mark.benchmark(group="encode the W2 record")
def test_encode(benchmark: BenchmarkFixture, case: Case) -> None:
    assert benchmark(case.encode, case.value) == case.body


@every_case
@pytest.mark.benchmark(group="decode the W2 record")
def test_decode(benchmark: BenchmarkFixture, case: Case) -> None:
    assert benchmark(case.decode, case.body) == case.value
