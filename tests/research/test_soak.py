"""The soak of research/load in a few seconds: workers are killed, and nobody notices."""

from __future__ import annotations

import pytest

from research.load.soak import Plan, run

# Every visit pauses for longer than its grant holds.
SHORT = Plan(
    seconds=3,
    visits=3,
    people=2,
    kill_every_s=1.2,
    sample_every_s=1,
    grant_s=2,
    rest_s=0.1,
    steps=10,
    users=1_000,
    absence_s=2.1,
    long_visits=1,
    settle_s=0,
)


@pytest.mark.slow
def test_killed_workers_cost_no_step_up_and_no_error() -> None:
    """Over both stores: grants hold until they end, are asked for again then, and no answer is a 5xx."""
    for found in run(SHORT):
        assert found["failures"] == [], found
        assert found["kills"]
        assert found["counts"]["kept"]
        assert found["counts"]["ran out"]
