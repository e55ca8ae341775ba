"""A site's own cut-offs keep their promise, and nothing is promised that the people cannot carry."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flask_zerotrust import simulate
from flask_zerotrust.cli import group
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.risk.level import Policy
from flask_zerotrust.risk.model import load_bundle
from flask_zerotrust.training import site_thresholds
from flask_zerotrust.training.evaluate import score_session
from flask_zerotrust.training.site_thresholds import Visit, find

POLICY = Policy(unclear_at=0.6, high_at=0.9, window_high_at=2.5)


def visit(person: str, settled: float = -3.0, **changes: float) -> Visit:
    """Return a visit whose worst settled moment had these log-odds of a bot."""
    quiet = Visit(person, strokes=20, early=-3.0, settled=settled, ever=settled, window=-1.0)
    return replace(quiet, **changes)


def crowd(n: int, *worst: float) -> list[Visit]:
    """Return the visits of n people: the last ones had these worst moments, the others none."""
    return [visit(f"p{i}", ([-3.0] * (n - len(worst)) + list(worst))[i]) for i in range(n)]


@pytest.mark.parametrize(("share", "people"), [(0.01, 299), (0.02, 149), (0.05, 59), (0.10, 29)])
def test_the_rule_of_three(share: float, people: int) -> None:
    """Exact numbers of people, none of them asked, that bound a share with 95 % confidence."""
    assert site_thresholds.needed(share) == people
    assert site_thresholds.smallest(people) <= share < site_thresholds.smallest(people - 1)


def test_one_person_too_few_is_refused_with_the_number_it_takes() -> None:
    with pytest.raises(ConfigError, match=r"299 people.* there are 298 .*--max-false-step-ups 0\.011"):
        find(crowd(298), POLICY, max_false_step_ups=0.01)
    assert find(crowd(299), POLICY, max_false_step_ups=0.01).shift == 0


def test_visits_of_one_user_are_one_witness() -> None:
    with pytest.raises(ConfigError, match="there are 1 "):
        find([visit("ada") for _ in range(500)], POLICY, max_false_step_ups=0.01)


def test_visits_without_enough_strokes_are_no_witnesses() -> None:
    short = [visit(f"q{i}", settled=-math.inf, ever=-1.0) for i in range(50)]
    with pytest.raises(ConfigError, match=r"there are 58 \(50 visits were too short"):
        find(crowd(58) + short, POLICY, max_false_step_ups=0.05)
    assert find(crowd(59) + short, POLICY, max_false_step_ups=0.05).too_short == 50


def test_cut_offs_that_fit_stay_as_they_are() -> None:
    found = find(crowd(60), POLICY, max_false_step_ups=0.05)
    assert (found.shift, found.policy) == (0, POLICY)


def test_cut_offs_become_just_loose_enough() -> None:
    """Of 59 people none may be asked: the strictest cut-off above the worst of them."""
    worst = 1.7
    found = find(crowd(59, 1.0, worst), POLICY, max_false_step_ups=0.05)
    assert (found.before.visits_asked, found.after.visits_asked) == (2, 0)
    assert found.after.upper_95 <= 0.05
    assert 0 < math.log(found.policy.unclear_at / (1 - found.policy.unclear_at)) - worst < 1e-4


def test_of_more_people_some_may_be_asked() -> None:
    """One of 93 bounds 5 % (Clopper-Pearson): the cut-off stands between the worst two."""
    found = find(crowd(93, 1.0, 1.7), POLICY, max_false_step_ups=0.05)
    assert found.after.people_asked == 1
    assert found.after.upper_95 <= 0.05
    assert find(crowd(92, 1.0, 1.7), POLICY, max_false_step_ups=0.05).after.people_asked == 0


def test_every_way_of_being_asked_counts() -> None:
    """A latch early in the visit and a bad window, too, are loosened until nobody is asked."""
    high = visit("high", settled=0.0, ever=4.0)
    window = visit("window", window=3.9)
    for odd in (high, window):
        assert site_thresholds.asked(odd, POLICY)
        found = find([*crowd(60), odd], POLICY, max_false_step_ups=0.05)
        assert not site_thresholds.asked(odd, found.policy)


def test_cut_offs_become_stricter_only_when_told() -> None:
    calm = crowd(59)
    assert find(calm, POLICY, max_false_step_ups=0.05).policy == POLICY
    found = find(calm, POLICY, max_false_step_ups=0.05, tighten=True)
    assert found.shift < 0
    assert found.policy.unclear_at < POLICY.unclear_at
    assert found.after.upper_95 <= 0.05


def test_cut_offs_keep_their_order() -> None:
    for shift in (-3.0, 0.5, 6.0, 20.0):
        p = site_thresholds.moved(Policy(early_at=0.5, elevated_at=0.55), shift)
        assert 0 < p.early_at <= p.elevated_at <= p.unclear_at <= p.high_at < 1


@pytest.mark.slow
def test_the_promise_holds_on_people_not_seen() -> None:
    """Draws of 100 people from one population: at most about one in twenty breaks a promise of 5 %."""
    rng, broken = np.random.default_rng(5), 0
    for _ in range(200):
        worst = rng.normal(0.0, 1.5, 100)
        found = find(crowd(100, *worst), POLICY, max_false_step_ups=0.05)
        cut = math.log(found.policy.unclear_at / (1 - found.policy.unclear_at))
        broken += 0.5 * math.erfc(cut / 1.5 / math.sqrt(2)) > 0.05
    assert broken <= 18  # 10 expected; more than 18 has a chance of 1 %


def test_watching_sees_what_scoring_says() -> None:
    """The worst moments agree with the lines of ``score`` on people and bots."""
    scorer = load_bundle()
    rng = np.random.default_rng(11)
    listed = [*simulate.people(6, rng=rng, strokes=12), *simulate.bots(8, rng=rng, strokes=12)]
    seen = set()
    for recording in listed:
        after = score_session(recording, scorer)["after"]
        watched = site_thresholds.watch(recording, scorer)
        settled = [entry for moment, entry in after.items() if moment in ("5", "10", "20")]
        if any(entry["step_up"] for entry in settled):
            assert site_thresholds.asked(watched, scorer.policy)
        highest = 1 / (1 + math.exp(-watched.ever))
        assert all(entry["risk"] <= highest + 1e-4 for entry in after.values() if watched.strokes)
        seen.add(site_thresholds.asked(watched, scorer.policy))
    assert seen == {True, False}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of sixty simulated visits, as a site may have recorded them."""
    file = tmp_path_factory.mktemp("site") / "visits.jsonl.gz"
    made = simulate.people(60, rng=np.random.default_rng(4), strokes=8)
    recordings.write(file, (replace(visit, label=None, source="my-site") for visit in made))
    return file


def calibrate(*words: object) -> dict[str, object]:
    result = CliRunner().invoke(group, ["calibrate", *map(str, words), "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_calibrating_writes_a_bundle_that_keeps_the_promise(site: Path, tmp_path: Path) -> None:
    """Scored with the new bundle, no visit is asked once it has settled; the arrays are the model's."""
    out = tmp_path / "mine"
    said = calibrate(site, "--max-false-step-ups", 0.05, "--bots", 21, "--out", out)
    scorer = load_bundle(out, str(said["sha256"]))
    asked = [
        entry["step_up"]
        for visit in recordings.read(site)
        for moment, entry in score_session(visit, scorer)["after"].items()
        if moment == "5"
    ]
    assert len(asked) >= 59
    assert not any(asked)
    assert np.array_equal(scorer.trees.leaf, load_bundle().trees.leaf)
    note = scorer.manifest["calibration"]
    assert note["max_false_step_ups"] == 0.05
    assert note["site_after"]["upper_95"] <= 0.05
    assert note["site_before"]["visits_asked"] > 0
    old, new = note["simulated_bots"]
    assert old["bots"] == new["bots"] == 21
    assert old["after_5"] >= new["after_5"]


def test_the_command_of_the_docs_is_enough(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and a share: the bundle lies in the working folder, and the settings to use it are printed."""
    monkeypatch.chdir(tmp_path)
    words = ["calibrate", str(site), "--max-false-step-ups", "0.05", "--bots", "0"]
    result = CliRunner().invoke(group, words)
    assert result.exit_code == 0, result.output
    sha256 = result.stdout.rpartition("#sha256=")[2].strip().strip("'")
    assert load_bundle(tmp_path / "zerotrust-model", sha256).manifest["calibration"]


@pytest.mark.parametrize(
    ("asked", "said"), [(9, ["Warning: looser", "If these"]), (10, ["Simulated bots"])]
)
def test_looser_cut_offs_that_cost_nothing_come_with_the_figures_alone(asked: int, said: list[str]) -> None:
    nobody = site_thresholds.Count(0, 0, 0, 0, 0.0, 1.0)
    found = site_thresholds.Calibration(POLICY, 0.5, 0.05, nobody, nobody, nobody, 0)
    old, new = ({"bots": 20, "after_5": 10, "at_end": 20}, {"bots": 20, "after_5": asked, "at_end": 20})
    lines = site_thresholds.warnings(found, [old, new])
    assert [line.startswith(words) for line, words in zip(lines, said, strict=True)] == [True] * len(said)


@pytest.mark.slow
def test_looser_cut_offs_come_with_a_warning(site: Path, tmp_path: Path) -> None:
    words = [site, "--max-false-step-ups", 0.05, "--bots", 42, "--out", tmp_path / "mine"]
    result = CliRunner().invoke(group, ["calibrate", *map(str, words)])
    assert "let more bots pass" in result.stderr
    assert "#sha256=" in result.stdout


@pytest.mark.slow
def test_calibrating_again_starts_at_the_model(site: Path, tmp_path: Path) -> None:
    """A calibrated bundle calibrated again gives the same cut-offs: they do not creep."""
    once, twice = tmp_path / "once", tmp_path / "twice"
    words = (site, "--max-false-step-ups", 0.05, "--bots", 0)
    first = calibrate(*words, "--out", once)
    again = calibrate(*words, "--model", once, "--out", twice)
    assert first["policy"] == again["policy"]


@pytest.mark.slow
def test_a_bundle_is_not_calibrated_in_place(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    words = [site, "--max-false-step-ups", 0.05, "--bots", 0, "--out", out]
    calibrate(*words)
    result = CliRunner().invoke(group, ["calibrate", *map(str, words), "--model", str(out)])
    assert result.exit_code == 2
    assert "--out must be another folder" in result.output


@pytest.mark.parametrize("share", ["0", "1", "-0.01", "nan", "inf", "much"])
def test_a_share_that_is_none_is_refused_before_anything_is_read(share: str, tmp_path: Path) -> None:
    words = ["calibrate", "missing.jsonl", "--max-false-step-ups", share, "--out", str(tmp_path / "mine")]
    result = CliRunner().invoke(group, words)
    assert result.exit_code == 2
    assert "Invalid value for '--max-false-step-ups'" in result.stderr


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(site: Path, tmp_path: Path) -> None:
    """And a refusal leaves no folder behind."""
    (tmp_path / "taken").write_text("a file of mine")
    words = ["calibrate", "missing.jsonl", "--out", str(tmp_path / "taken" / "mine")]
    result = CliRunner().invoke(group, words)
    assert (result.exit_code, "--out" in result.stderr) == (2, True)
    refused = CliRunner().invoke(group, ["calibrate", str(site), "--out", str(tmp_path / "mine")])
    assert (refused.exit_code, "it takes visits of 299 people" in refused.stderr) == (2, True)
    assert not (tmp_path / "mine").exists()


def test_bots_by_label_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    recordings.write(file, simulate.bots(3, rng=np.random.default_rng(1), strokes=6))
    result = CliRunner().invoke(group, ["calibrate", str(file), "--out", str(tmp_path / "mine")])
    assert result.exit_code == 2
    assert "Left out 3 visits that are labelled as bots" in result.stderr
    assert "there are 0 " in result.stderr


def test_recorded_people_of_another_site(shared_data: Path, tmp_path: Path) -> None:
    """Thirty people of KH2017 carry 10 %, fifteen do not and are told what they carry."""
    packed = shared_data / "kh2017-30people.jsonl.gz"
    said = calibrate(packed, "--max-false-step-ups", 0.1, "--bots", 0, "--out", tmp_path / "mine")
    after = said["site_after"]
    assert isinstance(after, dict)
    assert after["people"] == 30
    assert after["upper_95"] <= 0.1
    half = [visit for visit in datasets.kh2017(packed) if visit.user in datasets.KH2017_CALIBRATE]
    scorer = load_bundle()
    with pytest.raises(ConfigError, match=r"29 people.*there are 15 .*--max-false-step-ups 0\.182"):
        find(
            [site_thresholds.watch(visit, scorer) for visit in half], scorer.policy, max_false_step_ups=0.1
        )
