"""Row 16: movement that any session has shown before is a recording, made over or not."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from flask_zerotrust.movement.wire import MOUSE, MOVE, EventBatch, encode_planes
from flask_zerotrust.replay.memory import LOG
from tests.integration.sites import Site, Visitor


@pytest.fixture
def bank(make_site: Callable[..., Site]) -> Site:
    return make_site(ZEROTRUST_REPLAY_MEMORY=1_000)


def hand(seed: int) -> np.ndarray:
    """Return times and places of one winding stroke that no other hand makes, shape (3, n)."""
    place = np.random.default_rng(seed).normal(0, 1, (2, 6)) / np.arange(1, 7) * 120
    t = np.arange(0, 1_200.0, 16.0)
    x, y = place @ np.cos(np.pi * np.arange(1, 7)[:, None] * t / 1_200.0)
    return np.stack([t, 500 + x, 400 + y])


def show(visitor: Visitor, seeds: list[int], matrix: np.ndarray | None = None) -> Visitor:
    """Make strokes one after the other, each in a batch of its own."""
    for seed in seeds:
        t, x, y = hand(seed)
        x, y = (np.eye(2) if matrix is None else matrix) @ [x, y]
        n, none = t.size, np.zeros(t.size)
        batch = EventBatch(
            t_ms=t + 2_000.0 * visitor.seq,
            x=x.round(),
            y=y.round(),
            kind=np.full(n, MOVE, np.uint8),
            pointer=np.full(n, MOUSE, np.uint8),
            trusted=np.ones(n, bool),
            pressure=np.zeros(n, bool),
            lag_ms=none,
            wheel_x=none,
            wheel_y=none,
            viewport=(1280, 720),
            sent_ms=float(t[-1]) + 2_000.0 * visitor.seq,
        )
        planes = encode_planes(batch, t0_ms=float(batch.t_ms[0]))
        body = {"t0": float(batch.t_ms[0]), "sent": batch.sent_ms, "planes": planes}
        assert visitor.send(json.dumps({**json.loads(visitor.body(1)), **body})).status_code == 204
        visitor.site.clock.tick(2)
    return visitor


@pytest.mark.parametrize(
    "matrix",
    [np.eye(2), np.diag([-1.0, 1.0]), 1.3 * np.eye(2), np.array([[0.8, -0.6], [0.6, 0.8]])],
    ids=["as it was", "mirrored", "scaled", "turned"],
)
def test_movement_of_another_session_is_high_after_two_strokes(bank: Site, matrix: np.ndarray) -> None:
    show(bank.visitor().login("grace"), [1, 2, 3])
    thief = bank.visitor().login()
    assert not show(thief, [1], matrix).fetch("/level").json["latched"]
    assert show(thief, [2], matrix).level() == "high"
    assert thief.fetch("/level").json["latched"]


def test_movement_of_the_own_session_counts_once_it_is_a_minute_old(bank: Site) -> None:
    ada = show(bank.visitor().login(), [1, 2, 3])
    assert show(ada, [1, 2, 3]).level() == "low"
    bank.clock.tick(60)
    assert show(ada, [1, 2, 3]).level() == "high"


def test_a_passed_code_does_not_cover_a_recording(bank: Site) -> None:
    show(bank.visitor().login("grace"), [1, 2, 3])
    ada = bank.visitor().login().step_up("/admin")
    assert not ada.asked("/admin")
    assert show(ada, [1, 2, 3]).asked("/admin")


def test_strokes_in_another_order_are_no_recording(bank: Site) -> None:
    """Two strokes alike are chance now and then; one after the other they are not."""
    show(bank.visitor().login("grace"), [1, 2, 3])
    assert show(bank.visitor().login(), [3, 2, 1]).level() == "low"


def test_the_memory_forgets(bank: Site) -> None:
    show(bank.visitor().login("grace"), [1, 2, 3])
    bank.clock.tick(31 * 86_400)
    assert show(bank.visitor().login(), [1, 2, 3]).level() == "low"


def test_the_memory_is_bounded(make_site: Callable[..., Site]) -> None:
    bank = make_site(ZEROTRUST_REPLAY_MEMORY=4)
    grace = show(bank.visitor().login("grace"), [1, 2])
    guard = bank.app.extensions["zerotrust"]
    show(grace, list(range(10, 20)))
    assert len(guard.store.entries(LOG)) == 4
    assert len(guard.replays) == 4
    assert show(bank.visitor().login(), [1, 2]).level() != "high"


def test_what_is_kept_leads_to_nobody(bank: Site) -> None:
    ada = show(bank.visitor().login(), [1, 2])
    kept = b"".join(bank.app.extensions["zerotrust"].store.entries(LOG))
    for secret in ("ada", ada.entry()["c"], ada.entry()["id"]):
        assert secret.encode() not in kept


def test_visitors_flush_nothing_that_users_have_shown(make_site: Callable[..., Site]) -> None:
    bank = make_site(ZEROTRUST_REPLAY_MEMORY=4)
    show(bank.visitor().login("grace"), [1, 2])
    visitor = bank.visitor()
    visitor.open("/")
    show(visitor, list(range(10, 30)))
    assert len(bank.app.extensions["zerotrust"].replays) == 2 + 1
    assert show(bank.visitor().login(), [1, 2]).level() == "high"


def test_movement_that_a_visitor_has_shown_is_known_again(bank: Site) -> None:
    visitor = bank.visitor()
    visitor.open("/")
    show(visitor, [1, 2, 3])
    assert show(bank.visitor().login(), [1, 2, 3]).level() == "high"


def test_a_visitor_cannot_replay_what_a_user_has_shown(bank: Site) -> None:
    show(bank.visitor().login("grace"), [1, 2, 3])
    visitor = bank.visitor()
    visitor.open("/")
    show(visitor, [1, 2, 3])
    assert show(visitor.login(), [4]).level() == "high"
