"""A model trained further learns of the bots it is shown, and forgets nothing that it knew of people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.ensemble import GradientBoostingClassifier

from flask_zerotrust.cli import group
from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.risk.model import TREES_SHARE, BundleScorer, load_bundle
from flask_zerotrust.simulate import bots, people
from flask_zerotrust.training import further
from flask_zerotrust.training.bundle import write_bundle
from flask_zerotrust.training.fit import weights
from flask_zerotrust.training.table import tabulate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def start() -> BundleScorer:
    return load_bundle()


def shown(seed: int, count: int = 6) -> list[Recording]:
    visitors = people(count, rng=np.random.default_rng(seed), strokes=12)
    families = ("linear", "bezier", "wind", "arc")
    return [*visitors, *bots(2 * count, rng=np.random.default_rng(seed), families=families, strokes=12)]


@pytest.fixture(scope="module")
def trained(start: BundleScorer) -> BundleScorer:
    return further.train_further(start, shown(1), seed=3)


def test_it_tells_people_and_bots_like_those_it_was_shown_further_apart(
    start: BundleScorer, trained: BundleScorer
) -> None:
    """Of the same families, in visits that it has not seen."""
    other = tabulate(shown(7), seed=8)
    gained = trained.raw(other.features) - start.raw(other.features)
    assert gained[other.bot].mean() > gained[~other.bot].mean() + 0.1


def test_networks_calibration_sessions_and_policy_stay(start: BundleScorer, trained: BundleScorer) -> None:
    for name in ("networks", "calibration", "second", "policy"):
        assert getattr(trained, name) is getattr(start, name), name
    count = start.trees.leaf.size
    np.testing.assert_array_equal(trained.trees.leaf[:count], start.trees.leaf)
    assert trained.trees.leaf.size == count + further.TREES * 2**start.trees.depth


def test_the_same_seed_gives_the_same_bytes(
    start: BundleScorer, trained: BundleScorer, tmp_path: Path
) -> None:
    written = [
        write_bundle(tmp_path / name, model, seed=3, provenance={})
        for name, model in (
            ("one", trained),
            ("same", further.train_further(start, shown(1), seed=3)),
            ("other", further.train_further(start, shown(1), seed=4)),
        )
    ]
    assert written[0] == written[1] != written[2]


def test_the_trees_it_adds_say_what_scikit_learn_says(start: BundleScorer) -> None:
    """Summed over the trees as the package does it, and by scikit-learn's own decision function."""
    table = tabulate(shown(1), seed=3)
    # scikit-learn rounds what its trees compare, which moves rows next to a cut.
    table.features[:] = table.features.astype(np.float32)
    added = further._added(start, table, seed=3, trees=5)
    reference: Any = GradientBoostingClassifier(
        init=further._Start(start),
        n_estimators=5,
        max_depth=start.trees.depth,
        learning_rate=further._LEARNING_RATE,
        min_samples_leaf=max(further._LEAST_LEAF, len(table) // 200),
        max_features=further._COLUMNS,
        random_state=3,
    ).fit(table.features, table.bot, sample_weight=weights(table))
    model = replace(start, trees=further._joined(start.trees, added))
    np.testing.assert_allclose(
        model.raw(table.features), reference.decision_function(table.features), rtol=0, atol=1e-9
    )
    assert TREES_SHARE < 1  # so the test sees whether the share is taken into account


def test_a_model_cannot_be_trained_further_with_bots_alone(start: BundleScorer) -> None:
    only = [recording for recording in shown(1) if recording.label == "bot"]
    with pytest.raises(ConfigError, match="people"):
        further.train_further(start, only, seed=3)


# By the commands of the page "Your own model", whose table has these counts


def command(*words: object) -> str:
    result = CliRunner().invoke(group, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def readme_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    command("generate", "--people", 30, "--bots", 60, "--out", folder)
    files = [folder / "people.jsonl.gz", folder / "bots.jsonl.gz"]
    command("train", *files, "--out", folder / "my-model")
    return folder / "my-model"


def asked(files: list[Path], model: Path | None, after: str) -> str:
    """Return how many of the visits with so many strokes are asked for a code, as the page prints it."""
    named = [] if model is None else ["--model", model]
    rows = [json.loads(line) for line in command("evaluate", *files, *named, "--json").splitlines()]
    counts = [row["after"][after] for row in rows if after in row["after"]]
    return f"{sum(c['step_up'] for c in counts)} of {sum(c['sessions'] for c in counts)}"


def row_of_page(first: str) -> list[str]:
    """Return the cells behind the first one, of the table about trained models."""
    rows = [
        line.strip("| ").split(" | ")
        for line in (ROOT / "docs" / "your-own-model.md").read_text().splitlines()
    ]
    return next(cells[1:] for cells in rows if cells[0] == first)


@pytest.mark.data
@pytest.mark.smoke
def test_the_model_of_the_readme_takes_people_for_people(
    readme_model: Path, shared_data: Path, tmp_path: Path
) -> None:
    """People whom neither the model that ships nor the one trained further has seen."""
    file = tmp_path / "kh2017.jsonl.gz"
    found = shared_data / "kh2017-30people.jsonl.gz"
    command("import", "kh2017", found, "--part", "report", "--out", file)
    counts = [asked([file], model, "5") for model in (None, readme_model)]
    assert counts == ["0 of 15", "0 of 15"] == row_of_page("people of KH2017, after 5 strokes")


@pytest.mark.data
@pytest.mark.slow
def test_the_model_of_the_readme_asks_more_bots(readme_model: Path, shared_data: Path) -> None:
    generators = sorted((shared_data / "bots").glob("*.jsonl.gz"))
    counts = [asked(generators, model, "5") for model in (None, readme_model)]
    assert counts == row_of_page("15 public generators, after 5 strokes")
    before, after = (int(count.partition(" ")[0]) for count in counts)
    assert after > before
