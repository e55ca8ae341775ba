"""What `make soak` and `make load` make of what they see: they fail where they should."""

from __future__ import annotations

from typing import Any

import pytest

from research.load.grants import Grant, judge
from research.load.pressure import read
from research.load.verdict import cuts_apart, failures, growth

AT_S = [10.0 * i for i in range(100)]
GRANT = Grant(after=100.0, before=101.0)
WELL: dict[str, Any] = {
    "counts": {"kept": 10, "status 200": 20},
    "cuts_apart": 0,
    "workers": 3,
    "workers_wanted": 3,
    "errors_logged": 0,
    "growth": {"elder": 0.0, "master": 0.0, "short": 0.0},
    "before": {"octets": 30_000},
    "after": {"octets": 40_000, "short": 0, "long": 100, "kinds": {}},
}


@pytest.mark.parametrize(
    ("heard", "asked", "word"),
    [(114.9, False, "kept"), (114.9, True, "lost"), (115.5, True, "unsure"), (115.5, False, "unsure")],
)
def test_a_grant_that_still_holds_must_let_in(heard: float, asked: bool, word: str) -> None:
    assert judge(GRANT, asked=asked, sent=heard - 0.1, heard=heard, life_s=15.0) == word


@pytest.mark.parametrize("grant", [GRANT, None])
def test_without_a_grant_that_holds_a_code_must_be_asked_for(grant: Grant | None) -> None:
    assert judge(grant, asked=True, sent=117.0, heard=117.1, life_s=15.0) == "ran out"
    assert judge(grant, asked=False, sent=117.0, heard=117.1, life_s=15.0) == "outlived"


def test_a_leak_is_growth_and_noise_is_not() -> None:
    leak = [90e6 + 10e3 * at for at in AT_S]
    flat = [90e6 + 1e6 * (i % 3) for i in range(100)]
    assert growth(AT_S, leak) == pytest.approx(10e3 * (990 - 180) / (90e6 + 10e3 * 180))
    assert growth(AT_S, flat) == pytest.approx(0.0, abs=0.002)


def test_what_grows_while_caches_fill_is_not_counted() -> None:
    assert growth(AT_S, [50e6 if at < 180 else 90e6 for at in AT_S]) == pytest.approx(0.0)


def test_of_a_short_run_nothing_is_said() -> None:
    assert growth(AT_S[:40], [1.0] * 40) is None


def test_only_cuts_right_after_a_kill_are_the_kills() -> None:
    assert cuts_apart([10.0, 14.9, 15.1, 9.9], [10.0]) == 2


def test_a_run_in_which_all_is_well_does_not_fail() -> None:
    assert failures(WELL) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"counts": {"5xx": 1}}, "1 x 5xx"),
        ({"counts": {"lost": 2}}, "2 x lost"),
        ({"counts": {"outlived": 1}}, "1 x outlived"),
        ({"cuts_apart": 1}, "1 connections were cut with no worker killed"),
        ({"workers": 4}, "4 workers were seen, 3 were started or killed"),
        ({"errors_logged": 1}, "1 errors in the server's log"),
        ({"growth": {"elder": 0.051}}, "elder grew by 5.1%, allowed are 5%"),
        ({"growth": {"short": 0.251}}, "short grew by 25.1%, allowed are 25%"),
        (
            {"after": {"octets": 0, "short": 3, "long": 0, "kinds": {"batch": 3}}},
            "3 rows were left that should have ended: {'batch': 3}",
        ),
        (
            {"after": {"octets": 1_080_001, "short": 0, "long": 100, "kinds": {}}},
            "the store takes 1080001 bytes, 1080000 are allowed",
        ),
    ],
)
def test_whatever_must_not_happen_fails_the_run(change: dict[str, Any], said: str) -> None:
    assert failures(WELL | change) == [said]


def test_a_refused_request_is_no_measurement() -> None:
    said = (
        'table\n{"requests": 9, "us": 1000000, "p50_us": 2000, "p99_us": 3000, "broken": 0, "statuses": %s}'
    )
    assert read(said % '{"204": 9}', "204").per_s == 9.0
    with pytest.raises(RuntimeError, match="not every answer was 204"):
        read(said % '{"204": 8, "409": 1}', "204")
