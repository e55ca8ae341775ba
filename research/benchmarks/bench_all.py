"""The same jobs under pytest-benchmark: their spread, and runs to compare with one another.

usage: python -m pytest research/benchmarks/bench_all.py --timeout 0 --benchmark-timer=time.process_time

``make test`` does not collect this file, and nothing here asserts a time. The jobs come one after the
other; ``python -m research bench`` takes them in turn, so that a slow moment meets both sides of a ratio,
and what the docs say comes from there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from research.benchmarks import parts, requests, rivals
from research.benchmarks.timing import WARM_UP, Job

ROUNDS = int(os.environ.get("ZEROTRUST_BENCH_ROUNDS", "60"))
# What pytest-benchmark calls once more, before and after the rounds, and some to spare.
_SPARE = 5

Jobs = Callable[[], dict[str, Job]]


@pytest.fixture(scope="session")
def groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Jobs]:
    """The jobs by group, each made when it is first asked for, as making some takes half a minute."""
    logging.disable(logging.INFO)
    folder = tmp_path_factory.mktemp("bench")
    fitted = cache(parts.model)
    core = cache(lambda: requests.core_jobs(folder))
    others = cache(lambda: requests.other_jobs(folder, ROUNDS + _SPARE, fitted()[0], bare=core()["bare"]))
    return {
        "core": core,
        "others": others,
        "stores": cache(lambda: requests.store_jobs(folder)),
        "views": cache(lambda: requests.view_jobs(folder)),
        "scorers": cache(lambda: parts.scorer_jobs(*fitted())),
        "features": cache(parts.feature_jobs),
        "rivals": cache(lambda: rivals.jobs(folder)),
    }


def run(benchmark: Any, group: str, job: Job, name: str) -> None:
    """Time a job and check its last answer."""
    benchmark.group = group
    answer = benchmark.pedantic(job, rounds=ROUNDS, warmup_rounds=WARM_UP)
    if group in ("collectors", "stores", "views"):
        requests.check(name, answer)


@pytest.mark.parametrize("name", ["bare", "core", "core_2000"])
def test_a_batch(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "collectors", groups["core"]()[name], name)


@pytest.mark.parametrize("name", ["bare_beside_others", "naive", "memory", "identity", "both"])
def test_a_batch_in_other_arrangements(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "collectors", groups["others"]()[name], name)


@pytest.mark.parametrize("name", ["few", "many"])
def test_a_batch_beside_other_sessions(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "stores", groups["stores"]()[name], name)


@pytest.mark.parametrize("name", ["plain", "guarded"])
def test_a_page(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "views", groups["views"]()[name], name)


@pytest.mark.parametrize("name", ["ours", "sklearn"])
def test_the_score_of_a_stroke(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "scorers", groups["scorers"]()[name], name)


@pytest.mark.parametrize("name", ["ours", "naive"])
def test_the_features_of_a_batch(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    run(benchmark, "features", groups["features"]()[name], name)


@pytest.mark.parametrize("name", ["ours", "synapse"])
def test_a_batch_beside_rivals(benchmark: Any, groups: dict[str, Jobs], name: str) -> None:
    jobs = groups["rivals"]()
    if not jobs:
        pytest.skip("synapse-shield is not installed; `make bench` installs it")
    run(benchmark, "rivals", jobs[name], name)
