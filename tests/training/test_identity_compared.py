"""Ways of telling people apart, on made-up people: nobody judged was seen, and the rates are right."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from flask_zerotrust import identity
from flask_zerotrust.identity.profile import MAX_BYTES
from flask_zerotrust.movement import HABIT_NAMES
from research.identity import evaluate, fit, recipe, visits
from research.identity.visits import Visit
from research.identity_compared import __main__ as command
from research.identity_compared import covariance, rates, stretches, study
from research.identity_compared.rates import Trials

WIDTH = len(HABIT_NAMES)
DOCS = Path(__file__).resolve().parents[2] / "docs"


def people(n: int = 10, *, apart: float = 1.5) -> list[tuple[Visit, ...]]:
    """Return two visits each of people whose strokes lie around a place of their own."""
    rng = np.random.default_rng(0)
    shown = []
    for user in range(n):
        place = rng.normal(0.0, apart, WIDTH)
        for length, strokes in (("3min", 64), ("1min", 20)):
            features = place + rng.normal(size=(strokes, WIDTH))
            features[:, -3:] = place[-3:]
            ended = np.linspace(1.0, 59.0, strokes)
            visit = Visit(str(user), f"{user}-{length}", None, features, ended)
            shown.append((visit,) * 3)
    return shown


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    patch = pytest.MonkeyPatch()
    patch.setattr(study, "FOLDS", 2)
    patch.setattr(study, "ROUNDS", 5)
    patch.setattr(covariance, "EPOCHS", 5)
    try:
        return study.compare(people(), seed=1, deals=1)
    finally:
        patch.undo()


@pytest.mark.slow
def test_every_method_tells_people_apart_who_are_far_apart(found: dict[str, Any]) -> None:
    """And within the size of a profile; at every length that the visits have."""
    assert set(found["methods"]) == {*study.METHODS, *(" + ".join(names) for names in study.BLENDS)}
    for name, one in found["methods"].items():
        assert one["as_recorded"]["10 strokes"]["auc"] > 0.8, name
        assert one["as_recorded"]["10 strokes"]["owners"] == 20
        assert one["as_recorded"]["10 strokes"]["others"] == 80
        assert one["stroke_us"] > 0
    assert all(found["methods"][name]["profile_bytes"] <= MAX_BYTES for name in study.METHODS)


@pytest.mark.slow
def test_what_ships_gains_nothing_on_itself(found: dict[str, Any]) -> None:
    for cell in found["methods"][study.SHIPPED]["same_device"].values():
        assert cell["gain"] == 0.0
        assert cell["gain_interval"] == [0.0, 0.0]


@pytest.mark.slow
def test_the_page_has_every_method_and_length(found: dict[str, Any]) -> None:
    page = command.page(found)
    assert all(f"| {name} |" in page for name in found["methods"])
    assert "| 1 strokes | 5 strokes | 10 strokes | 20 strokes | 15 s | 30 s | 60 s |" in page


@pytest.mark.slow
def test_the_page_names_what_is_better_in_both_views(found: dict[str, Any]) -> None:
    """One view is luck: in as recorded alone, a gain is not told."""
    told = copy.deepcopy(found)
    for one in told["methods"].values():
        for view in ("as_recorded", "same_device"):
            one[view]["15 s"]["gain_interval"] = [-0.01, 0.02]
    told["methods"]["network"]["as_recorded"]["15 s"]["gain_interval"] = [0.001, 0.02]
    assert "- 15 s: none\n" in command.page(told)
    told["methods"]["network"]["same_device"]["15 s"]["gain_interval"] = [0.001, 0.02]
    assert "- 15 s: network\n" in command.page(told)


def test_the_page_that_was_kept_is_that_of_the_figures() -> None:
    kept = json.loads((DOCS / "identity-compared.json").read_text())
    assert command.page(kept) == (DOCS / "identity-compared.md").read_text()
    assert set(kept["methods"]) == {*study.METHODS, *(" + ".join(names) for names in study.BLENDS)}


def test_a_method_is_fitted_to_nobody_whom_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are marked with their owner: no mark of the fit comes up in a trial."""
    seen: list[set[float]] = []
    judged: list[set[float]] = []

    class Spy:
        def __init__(self, rows: Any, seed: int) -> None:
            seen.append(set(rows.features[:, -1]))
            judged.append(set())

        def embed(self, features: Any) -> Any:
            judged[-1] |= set(features[:, -1])
            return features

        def enrol(self, z: Any) -> tuple[Any, int]:
            return z, 0

        def scores(self, kept: Any, z: Any, parts: Any) -> Any:
            return np.zeros(len(parts))

    monkeypatch.setattr(study, "FOLDS", 2)
    study._trials(people(), [str(i) for i in range(10)], Spy, seed=1, deals=2)
    assert len(seen) == 4
    for known, strangers in zip(seen, judged, strict=True):
        assert known
        assert strangers
        assert not known & strangers


def test_the_ratio_is_that_of_what_ships() -> None:
    """The one that is measured elsewhere, of all strokes taken together."""
    rows = visits.rows(one for one, *_ in people())
    model = identity.Background(**fit.fit(rows), slope=1.0, offset=0.0, manifest={"arrays_sha256": ""})
    method = covariance.discriminants(rows, 0)
    enrolled, tested = (people()[i][0] for i in (0, 3))
    kept, _ = method.enrol(method.embed(enrolled.features))
    said = method.scores(kept, method.embed(tested.features), [np.arange(20), np.arange(4)])
    assert said[0] == pytest.approx(evaluate.ratio(model, enrolled, tested))
    assert said[1] == pytest.approx(evaluate.ratio(model, enrolled, tested.part(slice(4))))


def test_rates_are_those_of_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(3)
    owner, mover = rng.integers(0, 4, size=(2, 300))
    said = np.round(rng.normal(size=300) + (owner != mover), 1)
    found = rates.rates(Trials(owner, mover, said), people=4, rounds=20)
    assert found.auc[0] == pytest.approx(roc_auc_score(owner != mover, said))
    assert found.auc.shape == found.eer.shape == (21,)
    assert np.nanmin(found.auc) < found.auc[0] < np.nanmax(found.auc)


def test_equal_errors_are_found_by_hand() -> None:
    """Of four owners one speaks like others, of four others one like owners."""
    owner, mover = np.zeros(8, np.int64), np.repeat([0, 1], 4)
    said = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    found = rates.rates(Trials(owner, mover, said), people=2, rounds=1)
    assert found.eer[0] == pytest.approx(0.25)
    assert found.auc[0] == pytest.approx(0.75)


def test_a_person_drawn_twice_counts_twice_on_both_sides() -> None:
    """Weights of a trial of somebody else are those of its owner times those of who moved."""
    trials = Trials(np.array([0, 0, 0]), np.array([0, 1, 2]), np.array([0.5, 0.0, 1.0]))
    auc, _ = rates._of(np.array([1, 0, 2]), trials, np.array([1.0, 3.0, 1.0]))
    assert auc == pytest.approx(0.25)


def test_stretches_follow_each_other_and_none_is_cut_short() -> None:
    visit = Visit("1", "1-1min", None, np.zeros((12, WIDTH)), np.arange(12) * 5.5)
    cut = stretches.cut(visit)
    assert [part.tolist() for part in cut["5 strokes"]] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert [len(part) for part in cut["15 s"]] == [3, 3, 3, 2]
    assert [len(part) for part in cut["60 s"]] == [11]
    assert cut["20 strokes"] == []


def test_the_command_writes_figures_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "shown", lambda path: people())
    monkeypatch.setattr(
        study, "METHODS", {name: study.METHODS[name] for name in ("trivial rule", study.SHIPPED)}
    )
    monkeypatch.setattr(study, "BLENDS", ())
    monkeypatch.setattr(study, "FOLDS", 2)
    said = CliRunner().invoke(
        command.main, [str(tmp_path), "--out", str(tmp_path / "it.json"), "--deals", "1"]
    )
    assert said.exit_code == 0, said.output
    assert "| discriminants |" in (tmp_path / "it.md").read_text()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    said = CliRunner().invoke(command.main, [str(tmp_path / "no"), "--out", str(tmp_path / "it.json")])
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
