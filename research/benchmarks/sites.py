"""Apps to measure: one without the extension, and one with it in every arrangement that has a target."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, request, session

from flask_zerotrust import movement as motion
from flask_zerotrust import stores
from flask_zerotrust.movement import wire
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.web import recognition
from tests.clock import Clock
from tests.constants import set_for_good
from tests.integration.sites import FixedScorer, Site, Visitor, build_app

# Seconds of the site's clock between two batches: none covers more time than has passed.
PACE_S = 60.0
# Strokes in the replay memory, and sessions in a full store: those of the targets.
STORED_STROKES = 100_000
STORED_SESSIONS = 100_000
_SEED = 7
_LIFE_S = 86_400.0
# Key, value and owner.
Row = tuple[str, bytes, str]


def movement(n: int, strokes: int, *, seed: int = _SEED) -> wire.EventBatch:
    """Return n events in so many curved strokes at 60 Hz, with pauses between them."""
    rng = np.random.default_rng(seed)
    u = np.linspace(0, 1, n // strokes)
    ease = u**3 * (10 - 15 * u + 6 * u * u)
    turns = np.where(np.arange(strokes) % 2 == 0, 1.0, -1.0)[:, None]
    t = 100 + np.arange(strokes)[:, None] * (u.size * 16.7 + 400) + u * u.size * 16.7
    x = 600 + turns * (ease - 0.5) * 500 + rng.normal(0, 0.7, t.shape)
    y = 300 + 60 * np.sin(np.pi * u) + turns * (ease - 0.5) * 120 + rng.normal(0, 0.7, t.shape)
    m = t.size
    return wire.EventBatch(
        t_ms=t.ravel().round(1),
        x=x.ravel().round(),
        y=y.ravel().round(),
        kind=np.full(m, wire.MOVE, np.uint8),
        pointer=np.zeros(m, np.uint8),
        trusted=np.ones(m, bool),
        pressure=np.zeros(m, bool),
        # Half a frame of a 60 Hz screen apart, as a hand's moves are.
        lag_ms=rng.uniform(0, 16, m).round(),
        wheel_x=np.zeros(m),
        wheel_y=np.zeros(m),
        viewport=(1280, 720),
        sent_ms=float(t.max()) + 20,
    )


def bare_app() -> Flask:
    """Return an app without the extension, whose views read the session and the body."""
    app = Flask("bare")
    app.config.update(SECRET_KEY="first-key")
    app.add_url_rule("/login", view_func=_log_in, methods=["POST"])
    app.add_url_rule("/bare", view_func=_take, methods=["POST"])
    return app


def _log_in() -> str:
    session["_user_id"] = "ada"
    return "in"


def _take() -> tuple[str, int]:
    session.get("_user_id")
    request.get_data()
    return "", 204


def guarded_site(folder: Path, *, url: str | None = None, **config: Any) -> Site:
    """Return a site with the model that ships, and an undecorated view to compare with.

    Its store is a SQLite file, unless a URL names another.
    Who is logged in is read from the session, as the app without the extension does: what a login
    library takes for that is not the extension's.
    """
    folder.mkdir()
    store = stores.from_url(url or f"sqlite:///{folder / 'bench.sqlite'}", instance_path=str(folder))
    # A batch of 2,000 events is larger than those that the collector sends.
    set_for_good({"TOKEN_S": 86_400.0, "MAX_BATCH_BYTES": 65_536, "MAX_BATCH_EVENTS": 4_000})
    site = build_app(Clock(), FixedScorer(), store, **config)
    site.zt.user_id_loader(lambda: session.get("_user_id"))
    site.zt.identity_consent(lambda _user: True)
    site.app.extensions["zerotrust"].scorer = scoring.load_bundle()
    site.app.testing = False

    @site.app.get("/plain")
    def plain() -> str:
        session.get("_user_id")
        return "the secret"

    return site


def teach(site: Site, user: str) -> None:
    """Give a user a profile that is ready."""
    guard = site.app.extensions["zerotrust"]
    background = guard.background
    for seed in range(12):
        batch = movement(600, 10, seed=seed)
        strokes = motion.split(batch)
        features = motion.extract(strokes)
        seen = recognition.look(guard.profiles, user, batch, strokes, features, background=background)
        assert seen is not None
        guard.profiles.learn(seen.held, seen.habits, now=site.clock.now, background=background)
    assert guard.profiles.progress(user).ready


def fill_store(site: Site, sessions: int) -> None:
    """Put so many records of other people's sessions into the store, as they lie there."""
    guard = site.app.extensions["zerotrust"]
    record = Record(version=3, user="somebody", strokes=40)
    rows = ((f"session:{i:022d}", replace(record, version=i).dump(), f"user:{i}") for i in range(sessions))
    if isinstance(guard.store, stores.SQLiteStore):
        _fill_file(guard.store, rows, end=site.clock.now + _LIFE_S)
    else:
        _fill_redis(guard.store, rows)


def _fill_file(store: stores.SQLiteStore, rows: Iterable[Row], *, end: float) -> None:
    connection = sqlite3.connect(store._file)
    with connection:
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", ((*row, end) for row in rows))
    connection.close()


def _fill_redis(store: Any, rows: Iterable[Row]) -> None:
    """Put rows through the store's own script, a thousand at once."""
    with store._redis.pipeline(transaction=False) as many:
        for number, (key, value, owner) in enumerate(rows, 1):
            words = (store._owners, key, value, int(_LIFE_S * 1_000), owner)
            store._put(keys=(store._rows + key,), args=words, client=many)
            if number % 1_000 == 0:
                many.execute()
        many.execute()


def sender(visitor: Visitor, token: str, n: int, strokes: int) -> Callable[[], Any]:
    """Return a job that posts a batch of n events under its own sequence number."""
    batch = movement(n, strokes)
    planes = wire.encode_planes(batch, t0_ms=0)
    data = json.loads(visitor.body(1, token=token, planes=planes, sent=batch.sent_ms))
    numbers = itertools.count(data.pop("seq") + 1_000_000 * strokes)
    # What the client does to make a body is not the server's cost.
    rest = json.dumps(data).removeprefix("{")

    def send() -> Any:
        visitor.site.clock.tick(PACE_S)
        return visitor.send(f'{{"seq": {next(numbers)}, {rest}')

    return send
