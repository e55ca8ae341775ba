"""A bundle is loaded only if it means what it meant when it was fitted."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.movement import FEATURE_NAMES
from flask_zerotrust.risk.model import ARRAYS, DEFAULT, MANIFEST, Networks, Trees, load_bundle


@pytest.fixture
def copy(tmp_path):
    """Return a folder with a copy of the bundle that ships."""
    return shutil.copytree(DEFAULT, tmp_path / "bundle")


def stump() -> Trees:
    """Return two trees of depth 2: x0 <= 1 ? (x1 <= 5 ? 1 : 2) : 3, and a constant 10."""
    inf = np.inf
    return Trees(
        feature=np.array([0, 1, 0, 0, 0, 0]),
        threshold=np.array([1.0, 5.0, inf, inf, inf, inf]),
        missing_left=np.array([False, True, True, True, True, True]),
        leaf=np.array([1.0, 2.0, 3.0, 3.0, 10.0, 10.0, 10.0, 10.0]),
        baseline=0.5,
        depth=2,
    )


def test_trees_are_walked_by_hand():
    rows = np.array([[1.0, 5.0], [1.0, 5.1], [1.1, 0.0], [np.nan, 0.0], [0.0, np.nan]])
    assert stump().raw(rows).tolist() == [11.5, 12.5, 13.5, 13.5, 11.5]


def test_trees_of_too_many_levels_are_refused():
    with pytest.raises(ValueError, match="1 to 4 levels, these have 5"):
        Trees(
            feature=np.zeros(31, int),
            threshold=np.zeros(31),
            missing_left=np.ones(31, bool),
            leaf=np.zeros(32),
            baseline=0.0,
            depth=5,
        )


def test_the_bundle_that_ships_loads_and_scores_finitely():
    scorer = load_bundle()
    rows = np.random.default_rng(0).normal(size=(7, len(FEATURE_NAMES)))
    said = scorer.log_odds(rows)
    assert said.shape == (7,)
    assert np.isfinite(said).all()
    assert scorer.log_odds(rows[:0]).shape == (0,)


def test_scores_of_rows_do_not_depend_on_company():
    scorer = load_bundle()
    rows = np.random.default_rng(0).normal(size=(7, len(FEATURE_NAMES)))
    alone = [scorer.log_odds(rows[i : i + 1])[0] for i in range(7)]
    np.testing.assert_allclose(scorer.log_odds(rows), alone, atol=1e-12)


def test_the_manifest_says_what_it_was_trained_on():
    manifest = load_bundle().manifest
    assert {"policy", "provenance", "metrics", "libraries", "seed", "features"} <= set(manifest)


def test_a_changed_array_file_is_refused(copy):
    data = bytearray((copy / ARRAYS).read_bytes())
    data[-1] ^= 1
    (copy / ARRAYS).write_bytes(bytes(data))
    with pytest.raises(ConfigError, match="SHA-256"):
        load_bundle(copy)


def test_a_changed_manifest_is_refused_where_it_is_pinned(copy):
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["policy"]["min_strokes"] = 1
    (copy / MANIFEST).write_text(json.dumps(manifest))
    assert load_bundle(copy).policy.min_strokes == 1
    with pytest.raises(ConfigError, match="ZEROTRUST_MODEL"):
        load_bundle(copy, "0" * 64)


def test_the_bundle_that_ships_is_pinned_in_code(copy, monkeypatch):
    monkeypatch.setattr("flask_zerotrust.risk.model.DEFAULT", copy)
    load_bundle()
    (copy / MANIFEST).write_text((copy / MANIFEST).read_text() + " ")
    with pytest.raises(ConfigError, match="Reinstall"):
        load_bundle()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": 99}, "schema"),
        ({"features_sha256": "0"}, "other features"),
        ({"policy": {}}, "policy"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_advice(copy, change, words):
    manifest = json.loads((copy / MANIFEST).read_text()) | change
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=words) as caught:
        load_bundle(copy)
    assert "train" in str(caught.value)


def test_a_missing_folder_names_the_setting(tmp_path):
    with pytest.raises(ConfigError, match="ZEROTRUST_MODEL"):
        load_bundle(tmp_path / "nowhere")


def test_scoring_never_imports_the_learning_library(loaded):
    modules = loaded["load the model"]
    assert "flask_zerotrust.risk.model" in modules
    assert {name.split(".")[0] for name in modules} & {"sklearn", "joblib"} == set()


def test_networks_are_worked_out_by_hand():
    """Two networks with one rectifier each: 2 relu(x) + 1 and relu(x - 1), x clipped at five deviations."""
    nets = Networks(
        centre=np.array([10.0]),
        spread=np.array([2.0]),
        weights=(np.array([[[1.0]], [[1.0]]]), np.array([[[2.0]], [[1.0]]])),
        offsets=(np.array([[[0.0]], [[-1.0]]]), np.array([[[1.0]], [[0.0]]])),
    )
    assert nets.raw(np.array([[10.0], [14.0], [0.0], [1e9]])).tolist() == [0.5, 3.0, 0.5, 7.5]
