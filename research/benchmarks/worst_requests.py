"""Print how much CPU the worst requests take."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from flask_zerotrust.challenge import pending
from flask_zerotrust.movement import wire
from flask_zerotrust.risk import model as scoring
from flask_zerotrust.sessions import bounds
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Site, Visitor, build_app

ROUNDS = 41
FORM = "application/x-www-form-urlencoded"


def cpu_ms(request: Callable[[], Any]) -> tuple[float, int]:
    """Return the median of the process time of a request, in ms, and its last status."""
    times, status = [], 0
    for _ in range(ROUNDS):
        begun = time.process_time()
        status = request()
        times.append(1e3 * (time.process_time() - begun))
    return statistics.median(times), status


def batch(visitor: Visitor, token: str, strokes: int, events: int) -> Callable[[], int]:
    """Return what sends batches of so many strokes of so many events each, with bodies made beforehand."""
    t = 1_000.0 + np.concatenate([400.0 * i + 8.0 * np.arange(events) for i in range(strokes)])
    n = t.size
    x, y = 400 + 300 * np.sin(t / 190.0), 300 + 200 * np.cos(t / 230.0)
    none = np.zeros(n)
    moves = wire.EventBatch(
        t_ms=t,
        x=x.round(),
        y=y.round(),
        kind=np.full(n, wire.MOVE, np.uint8),
        pointer=np.zeros(n, np.uint8),
        trusted=np.ones(n, bool),
        pressure=np.zeros(n, bool),
        lag_ms=none,
        wheel_x=none,
        wheel_y=none,
        viewport=(1280, 720),
        sent_ms=float(t[-1]) + 50,
    )
    planes = wire.encode_planes(moves, t0_ms=1_000.0)
    bodies = [
        visitor.body(1, token=token, planes=planes, t0=1_000.0, sent=moves.sent_ms) for _ in range(ROUNDS)
    ]
    return lambda: int(visitor.send(bodies.pop()).status_code)


def posts(visitor: Visitor, body: str) -> Callable[[], int]:
    """Return what posts a form to a guarded view."""
    return lambda: int(visitor.submit("/transfer", body, content_type=FORM).status_code)  # type: ignore[arg-type]


def site() -> Site:
    """Return a site with the model that ships, whose bounds by minute are out of the way."""
    pending.MAX_NEW_A_MINUTE = bounds.MAX_BATCHES_AN_HOUR = 1_000_000
    made = build_app(Clock(), FixedScorer(), ZEROTRUST_NEW_BROWSER="challenge")
    made.app.extensions["zerotrust"].scorer = scoring.load_bundle()
    return made


def run() -> None:
    """Measure and print."""
    bank = site()
    ada = bank.visitor().login()
    token = ada.token()
    ordinary, _ = cpu_ms(batch(ada, token, 3, 20))
    print(f"ordinary batch, 3 strokes of 20 events: {ordinary:.2f} ms")
    for strokes, events in ((40, 37), (100, 15), (115, 13), (1, 374), (200, 7)):
        taken, status = cpu_ms(batch(ada, token, strokes, events))
        print(f"  {strokes} strokes of {events} events: {status}, {taken:.2f} ms, {taken / ordinary:.1f}x")
    for name, body in (
        ("64 KB", b" " * 65_000),
        ("nested", b"[" * 16_000),
        ("16 KB of names", json.dumps({f"k{i}": 1 for i in range(1_300)}).encode()),
    ):
        taken, status = cpu_ms(lambda body=body: int(ada.send(body).status_code))  # type: ignore[misc]
        print(f"  {name}: {status}, {taken:.2f} ms, {taken / ordinary:.1f} times")
    ordinary, status = cpu_ms(posts(ada, "to=Grace&amount=5"))
    print(f"ordinary form at a guarded view: {status}, {ordinary:.2f} ms")
    for name, form in (
        ("a name of 64 KB", "a1" * 32_000 + "="),
        ("a value of 64 KB", "a=" + "x" * 65_000),
        ("300 names of 13", "&".join(f"a1a1a1a1{i:05}=" for i in range(300))),
        ("20 names of 200", "&".join("a1" * 97 + f"{i:06}=" for i in range(20))),
        ("60 KB of escapes", "a=" + "%D0%B0" * 10_000),
        ("190 KB of escapes", "a=" + "%D0%B0" * 32_000),
        ("490 KB of escapes", "a=" + "%D0%B0" * 81_000),
        ("2,000 fields", "&".join(["a="] * 2_000)),
        ("150,000 fields", "&".join(["a="] * 150_000)),
    ):
        taken, status = cpu_ms(posts(ada, form))
        print(f"  {name}: {status}, {taken:.2f} ms, {taken / ordinary:.1f} times")
