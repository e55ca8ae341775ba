"""How the model that ships is made, on a thin slice of its data."""

from __future__ import annotations

import json
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings import files as recordings
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.training import fit
from research import cli, recipe


@pytest.fixture
def thin(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two generators, and a recipe that takes few people, bots, trees and bins."""
    for name in (recipe.SAPIMOUSE, recipe.BALABIT, recipe.KH2017):
        (tmp_path / name).symlink_to(shared_data / name)
    (tmp_path / "bots").mkdir()
    for name in ("windmouse_py", "straight_const"):
        file = f"bots/{name}.jsonl.gz"
        recordings.write(tmp_path / file, islice(recordings.read([str(shared_data / file)]), 3))
    few = {"people": 5, "calibration": 2, "held_out": 2}
    for name, count in few.items():
        whole = getattr(recipe, name)
        monkeypatch.setattr(recipe, name, lambda folder, f=whole, n=count: islice(f(folder), n))
    monkeypatch.setattr(recipe, "bots", partial(recipe.bots, n=21))
    monkeypatch.setattr(fit, "train", partial(fit.train, trees=4, bins=16, person_views=1))
    return tmp_path


def test_the_command_writes_a_bundle_that_loads_and_says_where_it_is_from(
    thin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    ran = CliRunner().invoke(cli.group, ["train-shipped", str(thin), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    sha256 = ran.output.split("#sha256=")[1].strip().strip("'")
    manifest = scoring.load_bundle(out, sha256).manifest
    assert manifest["provenance"]["held_out"]["sapimouse"] == list(datasets.SAPIMOUSE_HELD_OUT)
    assert set(manifest["metrics"]["bots"]) == {"windmouse_py", "straight_const"}
    assert json.loads((out / "manifest.json").read_text()) == manifest
