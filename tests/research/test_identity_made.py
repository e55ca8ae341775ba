"""The background of identity is made and judged by commands, here on a few recorded people."""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from flask_zerotrust import identity
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.identity import background
from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from research import cli
from research.identity import calibrate, evaluate, others, visits
from research.identity.calibrate import Trial
from research.report import targets

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT = json.loads((DOCS / "identity.json").read_text())
FIGURES = {"global_auc", "eer", "baseline_auc", "trials", "per_user", "by_seconds", "by_strokes"}


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.group, [str(word) for word in words])


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> list[Recording]:
    """Four people of the background and three who are held out."""
    found = visits.read("sapimouse", shared_data)
    known = sorted({str(r.user) for r in found} - set(SAPIMOUSE_HELD_OUT), key=int)[:4]
    return [r for r in found if r.user in (*known, *SAPIMOUSE_HELD_OUT[:3])]


def patch(monkeypatch: pytest.MonkeyPatch, found: Iterable[Recording]) -> None:
    listed = list(found)
    monkeypatch.setattr(visits, "read", lambda dataset, path: listed)


# Made


def test_the_command_makes_the_same_background_twice_of_nobody_held_out(
    recorded: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, recorded)
    monkeypatch.setattr(calibrate, "FOLDS", 2)
    monkeypatch.setattr(calibrate, "DEALS", 1)
    one, two = tmp_path / "one", tmp_path / "two"
    said = run("train-identity", "here", "--out", one)
    assert said.exit_code == 0, said.output
    patch(monkeypatch, [r for r in recorded if r.user not in SAPIMOUSE_HELD_OUT])
    assert run("train-identity", "here", "--out", two).exit_code == 0
    for name in (background.ARRAYS, background.MANIFEST):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    sha256 = hashlib.sha256((one / background.MANIFEST).read_bytes()).hexdigest()
    assert sha256 in said.output
    made = identity.load_background(one, sha256)
    assert made.slope == np.float32(made.manifest["provenance"]["calibration"]["slope"])


def test_the_background_that_ships_knows_nobody_who_is_held_out() -> None:
    origin = identity.load_background().manifest["provenance"]
    assert len(origin["seen"]["sapimouse"]) == 50
    assert not set(origin["seen"]["sapimouse"]) & set(SAPIMOUSE_HELD_OUT)
    assert origin["held_out"] == {"sapimouse": list(SAPIMOUSE_HELD_OUT)}
    assert origin["people"].endswith("50 people, 2 visits each, in one sitting")


def test_a_stroke_is_calibrated_by_folds() -> None:
    """Of ratios that are twice too large and shifted, the line finds half and the way back."""
    rng = np.random.default_rng(0)
    trials = []
    for other, mean in ((False, -0.5), (True, 0.5)):  # a log-likelihood ratio of mean +-1/2 and variance 1
        for _ in range(200):
            said = 2.0 * rng.normal(mean, 1.0, size=50) + 1.0
            trials.append(Trial(said, said, other, 0))
    slope, offset = calibrate.line(trials)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert offset == pytest.approx(-0.5, abs=0.05)


def test_the_thresholds_ask_few_owners_of_the_background() -> None:
    """Of a minute on their own device; the share that a site's other false step-ups may have."""
    found = identity.load_background().manifest["provenance"]["calibration"]["outcome"]
    for view in ("as_recorded", "same_device"):
        assert found[view]["owners_high"] <= 0.02
        assert found[view]["others_high"] >= 0.5


# Judged


def test_sapimouse_is_judged_on_people_who_are_held_out(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, recorded)
    said = run("evaluate-identity", "sapimouse", "here", "--json")
    assert said.exit_code == 0, said.output
    found = json.loads(said.output)
    assert found["people"] == 3
    assert found["trials"] == 9
    assert set(found) == {*FIGURES, "open_set", "people", "protocol", "as_recorded", "re_rendered"}
    assert set(found["by_seconds"]) == {str(s) for s in evaluate.SECONDS}
    assert found["global_auc"] == found["re_rendered"]["global_auc"]
    assert 0.5 < found["as_recorded"]["global_auc"] <= 1.0


def test_people_of_any_number_are_judged_unless_the_background_has_seen_them(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only those whom this project holds out: others have recorded, too."""
    patch(monkeypatch, renumbered([r for r in recorded if r.user in SAPIMOUSE_HELD_OUT], by=72))
    told = json.loads(run("evaluate-identity", "sapimouse", "here", "--json").output)
    assert told["people"] == 3
    assert set(told["per_user"]) == {str(int(user) + 72) for user in SAPIMOUSE_HELD_OUT[:3]}


def test_a_background_is_fitted_to_other_peoples_data(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is among them is not judged: here, everybody but the three who were added."""
    known = [r for r in recorded if r.user not in SAPIMOUSE_HELD_OUT]
    places = {"here": [*known, *renumbered(known[:6], by=72)], "theirs": known}
    monkeypatch.setattr(visits, "read", lambda dataset, path: places[str(path)])
    said = run("evaluate-identity", "sapimouse", "here", "--background", "theirs", "--json")
    assert said.exit_code == 0, said.output
    assert json.loads(said.output)["people"] == 3
    shipped = json.loads(run("evaluate-identity", "sapimouse", "here", "--json").output)
    assert shipped["by_seconds"] != json.loads(said.output)["by_seconds"]


def renumbered(found: Iterable[Recording], *, by: int) -> list[Recording]:
    """Return the recordings as those of people of whom nobody has heard."""
    return [replace(r, user=str(int(str(r.user)) + by)) for r in found]


@pytest.mark.parametrize("background", [(), ("--background", "here")])
def test_people_whom_the_background_knows_are_not_judged(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch, background: tuple[str, ...]
) -> None:
    patch(monkeypatch, [r for r in recorded if r.user not in SAPIMOUSE_HELD_OUT])
    said = run("evaluate-identity", "sapimouse", "here", *background)
    assert said.exit_code == 2
    assert said.output.startswith("Error: 0 of these sapimouse people are new to the background")


def test_a_challenge_whose_people_the_background_knows_is_refused(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"here": recorded, "theirs": recorded[:4]}
    monkeypatch.setattr(visits, "read", lambda dataset, path: places[str(path)])
    monkeypatch.setattr(visits, "ARCHIVES", {"balabit": "balabit.tar"})
    said = run("evaluate-identity", "balabit", "here", "--background", "theirs")
    assert (said.exit_code, "has seen people of this challenge" in said.output) == (2, True)


def test_a_background_that_says_nobody_is_refused(recorded: list[Recording]) -> None:
    model = replace(identity.load_background(), manifest={"provenance": {}})
    with pytest.raises(ConfigError, match="does not say whom it has seen"):
        others.unseen("sapimouse", recorded, model)


@pytest.mark.parametrize("length", ["1min", "3min"])
def test_half_a_data_set_is_no_report_of_nothing(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    patch(monkeypatch, [r for r in recorded if r.session.endswith(length)])
    for dataset in visits.ARCHIVES:
        said = run("evaluate-identity", dataset, "here", "--json")
        assert (said.exit_code, "holds no pair" in said.output) == (2, True)


def test_a_place_without_a_background_or_data_says_what_it_lacks(tmp_path: Path) -> None:
    said = run("evaluate-identity", "sapimouse", tmp_path, "--background", tmp_path)
    assert said.exit_code == 2
    assert "neither a model (manifest.json and background.npz) nor sessions" in said.output


def test_balabit_is_judged_on_its_labelled_test_sessions(
    recorded: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [r for r in recorded if r.user in SAPIMOUSE_HELD_OUT]
    few = {str(r.user): ("7", "20", "35")[i // 2] for i, r in enumerate(people)}
    found = []
    for r in people:
        user = few[str(r.user)]
        if r.session.endswith("3min"):
            found.append(replace(r, user=user, session=f"{user}-training-1", label="human"))
        else:
            found.append(replace(r, user=user, session=f"{user}-test-1", label="human"))
            found.append(replace(r, user="7", session=f"{user}-test-2", label="impostor"))
    patch(monkeypatch, found)
    said = run("evaluate-identity", "balabit", "here", "--json")
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    views, parts = {"as_recorded", "re_rendered"}, {"open_set", "equal_rates", "equal_rates_cohort"}
    assert set(told) == {*FIGURES, *parts, *views, "people", "protocol"}
    assert all(set(told[view]) == {*FIGURES, *parts} for view in views)
    assert told["global_auc"] == told["as_recorded"]["global_auc"]
    assert told["by_strokes"] != told["re_rendered"]["by_strokes"]
    assert told["re_rendered"]["equal_rates"]["trials"] == told["equal_rates"]["trials"]
    assert told["people"] == 3
    assert told["trials"] == 6
    assert told["equal_rates"]["trials"] == 4


def test_the_ratio_of_all_strokes_is_the_last_of_the_ratios() -> None:
    model, rng = identity.load_background(), np.random.default_rng(0)
    one, two = (
        visits.Visit("1", "1-3min", None, rng.normal(size=(n, model.mean.size)), np.arange(n) + 1.0)
        for n in (60, 9)
    )
    said = evaluate.ratios(model, one, two)
    assert said.shape == (9,)
    assert evaluate.ratio(model, one, two) == pytest.approx(said[-1])
    assert evaluate.ratio(model, one, two.part(slice(4))) == pytest.approx(said[3])


# Places that hold nothing


@pytest.mark.parametrize("dataset", ["sapimouse", "balabit"])
def test_an_empty_folder_is_told_what_it_should_hold(tmp_path: Path, dataset: str) -> None:
    said = run("evaluate-identity", dataset, tmp_path)
    assert said.exit_code != 0
    assert f"holds no {dataset} sessions" in said.output
    assert visits.ARCHIVES[dataset] in said.output


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate-identity", "sapimouse", "nowhere"),
        ("evaluate-identity", "balabit", "nowhere"),
        ("evaluate-identity", "sapimouse", "nowhere", "--background", "no-model"),
        ("train-identity", "nowhere", "--out", "out"),
    ],
)
def test_a_place_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*words)
    assert said.exit_code != 0
    assert said.exception is None or isinstance(said.exception, SystemExit)
    assert "Error: " in said.output
    assert words[-1] in said.output or "nowhere" in said.output


def test_a_data_set_that_nobody_knows_is_refused() -> None:
    assert run("evaluate-identity", "mine", ".").exit_code == 2


# Kept


def test_the_background_that_ships_is_the_one_that_was_measured() -> None:
    assert KEPT["model"]["version"] == identity.load_background().version, "run: make identity"


def test_the_page_on_identity_is_that_of_the_figures_that_were_kept() -> None:
    script = runpy.run_path(str(DOCS / "make_identity.py"))
    assert script["page"](KEPT) == (DOCS / "research" / "identity.md").read_text(), "run: make docs"


def test_targets_of_identity_are_measured_or_left_out() -> None:
    rows: list[Any] = targets.of_identity(KEPT)
    assert len(rows) == 6
    assert all(row[3] in ("**not met**", "met, not proven") for row in rows)
    worse = json.loads(json.dumps(KEPT))
    worse["sapimouse"]["re_rendered"]["by_seconds"]["60"]["auc"] = 0.5
    assert targets.of_identity(worse)[4][3] == "**not met**"
    assert targets.of_identity(None) == []


def test_what_the_page_says_of_adding_strokes_is_so() -> None:
    for view in ("as_recorded", "same_device"):
        found = KEPT["tried"]["24"][view]
        assert found["together"]["auc_at_end"] > found["added"]["auc_at_end"]
        assert found["together"]["others_ever_above"] < found["added"]["others_ever_above"]
    outcome = KEPT["model"]["calibration"]["outcome"]
    assert outcome["changed_device"]["owners_high"] > 2 * outcome["same_device"]["owners_high"]
