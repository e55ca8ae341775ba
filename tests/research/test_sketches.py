"""The projection of the replay memory is learned by a command, here from a few recorded people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from flask_zerotrust.recordings import datasets
from flask_zerotrust.recordings.datasets import SAPIMOUSE_HELD_OUT
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.replay import sketch
from flask_zerotrust.simulate.browser import render
from research import sketches
from research.cli import group
from research.replays import again

Arrays = dict[str, np.ndarray]
Learn = Callable[..., Arrays]


def of(visits: Iterable[Recording], *users: str) -> list[Recording]:
    return [recording for recording in visits if recording.user in users]


@pytest.fixture(scope="module")
def people(sapimouse_visits: tuple[Recording, ...]) -> list[Recording]:
    """Three people who may be trained on."""
    users = sorted(
        {str(recording.user) for recording in sapimouse_visits} - set(SAPIMOUSE_HELD_OUT), key=int
    )
    return of(sapimouse_visits, *users[:3])


@pytest.fixture(scope="module")
def learn(tmp_path_factory: pytest.TempPathFactory) -> Learn:
    """Learn by the command, as if these were the data sets, and return what it wrote."""

    def learned(sapimouse: list[Recording], balabit: Iterable[Recording] = ()) -> Arrays:
        out = tmp_path_factory.mktemp("learned") / "sketch.npz"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(datasets, "sapimouse", lambda *_, **__: iter(sapimouse))
            patch.setattr(datasets, "balabit", lambda *_, **__: iter(balabit))
            said = CliRunner().invoke(group, ["sketches", str(out.parent), "--out", str(out)])
        assert said.exit_code == 0, said.output
        assert f"pairs {(47, sketch.DIMENSIONS)}" in said.output
        with np.load(out) as arrays:
            return dict(arrays)

    return learned


@pytest.fixture(scope="module")
def learned(learn: Learn, people: list[Recording]) -> Arrays:
    return learn(people)


def test_what_is_learned_has_the_shape_of_what_ships(learned: Arrays) -> None:
    with np.load(sketch.FILE) as shipped:
        assert {name: (a.shape, a.dtype) for name, a in learned.items()} == {
            name: (a.shape, a.dtype) for name, a in shipped.items()
        }


def test_nobody_who_is_held_out_teaches_anything(
    learn: Learn, learned: Arrays, people: list[Recording], sapimouse_visits: tuple[Recording, ...]
) -> None:
    held_out = of(sapimouse_visits, SAPIMOUSE_HELD_OUT[0])
    labelled = [replace(people[0], source="balabit", session="balabit-test-7-1")]
    besides = learn([*held_out, *people], labelled)
    assert all((besides[name] == array).all() for name, array in learned.items())


def test_copies_lie_closer_among_strangers_than_before_it_was_learned(
    learned: Arrays, sapimouse_visits: tuple[Recording, ...]
) -> None:
    """Of people held out, with noise of a pixel and captured again; .050 and .070 (measured)."""
    rng = np.random.default_rng(0)
    stored, apart = [], []
    for recording in of(sapimouse_visits, *SAPIMOUSE_HELD_OUT[:4]):
        copy = render(again(recording, "noise_1px", rng), rng=rng)
        stored.append(sketches._pairs(sketches._rows(recording)))
        apart.append(sketches._apart(stored[-1], sketches._pairs(sketches._rows(copy))))
    products = np.concatenate([one.products for one in stored])
    strangers = products - rng.permutation(products)

    def nearness(projection: np.ndarray) -> float:
        """How far copies lie apart, in distances of strangers."""
        near, far = (np.linalg.norm(one @ projection, axis=1) for one in (np.concatenate(apart), strangers))
        return float(np.median(near) / np.median(far))

    assert nearness(learned["pairs"]) < nearness(np.eye(len(learned["pairs"])))
