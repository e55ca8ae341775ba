"""The figures of the model card: people counted by person, generators by how new they are."""

from __future__ import annotations

import json

import pytest

from research import figures
from tests.training.test_fit import FAMILIES, artefact, visits

__all__ = ["artefact"]


@pytest.mark.slow
def test_the_report_counts_people_and_can_be_written_as_json(artefact):
    report = figures.report(visits(), artefact.scorer(), seed=1, families=FAMILIES)
    assert report["people"]["hands"]["people"] == 6
    assert report["people"]["hands"]["all"]["sessions"] == 6
    assert report["bots"]["linear"]["kind"] == "seen"
    assert report["trivial"]["auc"] is not None
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_a_generator_is_seen_a_sibling_or_new():
    assert figures.kind("bezier", FAMILIES) == "seen"
    assert figures.kind("pyclick", FAMILIES) == "unseen implementation"
    assert figures.kind("mousesim", FAMILIES) == "unseen algorithm"
