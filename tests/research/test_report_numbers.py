"""The numbers of a report, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from research.report import baseline, curves, intervals
from research.report.curves import Scores

RNG_SEED = 11


def rng() -> np.random.Generator:
    return np.random.default_rng(RNG_SEED)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),  # 1 - 0.025 ** (1/10)
        (10, 10, 0.6915, 1.0),  # 0.025 ** (1/10)
        (1, 20, 0.0013, 0.2487),
        (5, 10, 0.1871, 0.8129),
        (0, 0, 0.0, 1.0),
    ],
)
def test_exact_intervals_are_those_of_the_published_tables(hits, of, low, high):
    assert intervals.clopper_pearson(hits, of) == pytest.approx((low, high), abs=1e-4)


def test_two_clusters_that_differ_bootstrap_to_all_or_nothing():
    """Drawn two of two: 0, 1/2 or 1, with chances 1/4, 1/2 and 1/4."""
    assert intervals.share(np.array([0.0, 10.0]), np.array([10.0, 10.0]), rng=rng()) == (0.0, 1.0)
    drawn = intervals.draws(2, rng=rng(), rounds=20_000)
    assert np.mean(drawn[:, 0] == 1) == pytest.approx(0.5, abs=0.02)


def test_twenty_sessions_of_one_person_are_one_witness():
    """None of twenty bounds nothing when they are one person's; of twenty people, at 17 %."""
    one = intervals.share(np.array([0.0]), np.array([20.0]), rng=rng())
    many = intervals.share(np.zeros(20), np.ones(20), rng=rng())
    assert one == pytest.approx((0.0, 0.975), abs=1e-6)
    assert many == pytest.approx((0.0, 0.1684), abs=1e-4)


def test_an_interval_of_independent_sessions_is_about_two_standard_errors_wide():
    low, high = intervals.share(np.repeat([0.0, 1.0], 200), np.ones(400), rng=rng())
    assert (low, high) == pytest.approx((0.451, 0.549), abs=0.01)


def test_nobody_there_has_no_interval():
    assert intervals.share(np.empty(0), np.empty(0), rng=rng()) is None
    assert intervals.percentiles(np.array([np.nan])) is None


PEOPLE = np.array([1.0, 2.0, 3.0, 4.0])
BOTS = np.array([2.5, 3.5, 4.5, 5.0])


def each(values: np.ndarray) -> Scores:
    return Scores.of([(str(i), np.array([v])) for i, v in enumerate(values.tolist())])


def test_the_roc_of_eight_scores():
    false, true = curves.points(PEOPLE, BOTS)
    np.testing.assert_array_equal(false, [0, 0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 1.0])
    np.testing.assert_array_equal(true, [0, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0, 1.0])


def test_the_area_counts_pairs_and_halves_ties():
    """Of 16 pairs the bot is higher in 13; a tie is half a pair."""
    assert curves.auc(each(PEOPLE), each(BOTS), rng=rng())["auc"] == 0.8125  # 13/16
    assert curves.auc(each(np.ones(3)), each(np.ones(5)), rng=rng())["auc"] == 0.5


def test_the_threshold_is_the_smallest_that_few_enough_people_exceed():
    """Of four people one in four may be above: 3; none: 4. Drawn twice, the highest counts twice."""
    people, once = each(PEOPLE), np.ones((1, 4))
    assert curves.thresholds(people, once, 0.25)[0] == 3.0
    assert curves.thresholds(people, once, 0.24)[0] == 4.0
    assert curves.thresholds(people, np.array([[2.0, 0.0, 0.0, 2.0]]), 0.25)[0] == 4.0
    tied = each(np.array([1.0, 1.0, 1.0, 2.0]))
    assert curves.thresholds(tied, once, 0.25)[0] == 1.0


def test_what_is_stopped_lies_strictly_above():
    found = curves.stopped(each(PEOPLE), each(BOTS), 0.0, rng=rng())
    assert found["share"] == 0.5
    assert 0.0 <= found["interval"][0] <= 0.5 <= found["interval"][1] <= 1.0


def test_a_perfect_score_is_still_not_certain():
    """Four sessions stopped of four: the exact interval begins at 40 %."""
    found = curves.stopped(each(PEOPLE), each(BOTS + 10), 0.01, rng=rng())
    assert found == {"share": 1.0, "interval": [pytest.approx(0.3976, abs=1e-4), 1.0]}


def test_the_axis_of_a_det_plot_is_the_normal_quantile():
    assert curves.probit(0.5) == pytest.approx(0.0)
    assert curves.probit(0.975) == pytest.approx(1.95996, abs=1e-5)
    assert curves.probit(0.0) == pytest.approx(-curves.probit(1.0))
    assert np.isfinite(curves.probit(0.0))


def test_the_calibration_error_is_the_weighted_gap():
    """Two bins: said 0.1 where none are bots, 0.9 where three of four are: (0.1 * 2 + 0.15 * 4) / 6."""
    value = np.array([0.1, 0.1, 0.9, 0.9, 0.9, 0.9])
    bot = np.array([False, False, True, True, True, False])
    found = curves.reliability(value, bot, np.ones(6))
    assert found["ece"] == pytest.approx(0.8 / 6, abs=1e-4)
    assert [row["bots"] for row in found["bins"]] == [0.0, 0.75]


def test_a_risk_of_one_falls_into_the_last_bin():
    assert curves.reliability(np.array([1.0]), np.array([True]), np.ones(1))["ece"] == 0.0


def test_ends_of_intervals_are_rounded_outwards():
    assert curves.rounded((0.12345, 0.98761)) == [0.1234, 0.9877]


def test_thinning_a_curve_keeps_its_ends():
    false = np.linspace(0, 1, 5_000)
    kept = curves.thinned(false, false**0.5)
    assert len(kept["false"]) <= 202
    assert (kept["false"][0], kept["false"][-1], kept["true"][-1]) == (0.0, 1.0, 1.0)


def test_the_trivial_rule_finds_what_the_rate_gives_away_and_nothing_else():
    group = np.repeat([f"p{i}" for i in range(6)] + [f"b{i}" for i in range(6)], 40)
    bot = np.repeat([False, True], 240)
    noise = rng().normal(0, 1, (480, 3))
    told = noise + np.where(bot, 8.0, 0.0)[:, None] * [1, 0, 0]
    for rows, least, most in ((told, 0.99, 1.0), (noise, 0.25, 0.65)):
        said = baseline.scores(rows, bot, group, seed=1)
        auc = curves.auc(Scores.of([("a", said[~bot])]), Scores.of([("b", said[bot])]), rng=rng())["auc"]
        assert least <= auc <= most


def test_the_trivial_rule_needs_two_people_and_two_families():
    rows, bot = np.zeros((4, 3)), np.array([False, False, True, True])
    assert baseline.scores(rows, bot, np.array(["a", "a", "b", "c"]), seed=1) is None
