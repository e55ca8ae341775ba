"""What the extension costs a request: ``python -m tests.benchmarks.requests [--json]``.

CPU time of this process, jobs taken in turn, medians; the ratios hold within one run only, and
nothing in the test suite asserts them.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from flask import request, session

from flask_zerotrust import events, scoring, stores
from tests.clock import Clock
from tests.integration.sites import FixedScorer, Site, Visitor, build_app

# Seconds of the site's clock between two batches: none covers more time than has passed.
PACE_S = 60.0
CHECKED = {
    "with": 204,
    "without": 204,
    "bare": 204,
    "collector": 204,
    "collector_2000": 204,
    "plain": 200,
    "guarded": 200,
}


def movement(n: int, strokes: int) -> events.EventBatch:
    """Return n events in so many curved strokes at 60 Hz, with pauses between them."""
    rng = np.random.default_rng(7)
    u = np.linspace(0, 1, n // strokes)
    ease = u**3 * (10 - 15 * u + 6 * u * u)
    turns = np.where(np.arange(strokes) % 2 == 0, 1.0, -1.0)[:, None]
    t = 100 + np.arange(strokes)[:, None] * (u.size * 16.7 + 400) + u * u.size * 16.7
    x = 600 + turns * (ease - 0.5) * 500 + rng.normal(0, 0.7, t.shape)
    y = 300 + 60 * np.sin(np.pi * u) + turns * (ease - 0.5) * 120 + rng.normal(0, 0.7, t.shape)
    m = t.size
    return events.EventBatch(
        t_ms=t.ravel().round(1),
        x=x.ravel().round(),
        y=y.ravel().round(),
        kind=np.full(m, events.MOVE, np.uint8),
        pointer=np.zeros(m, np.uint8),
        trusted=np.ones(m, bool),
        pressure=np.zeros(m, bool),
        lag_ms=np.full(m, 8.0),
        wheel_x=np.zeros(m),
        wheel_y=np.zeros(m),
        viewport=(1280, 720),
        sent_ms=float(t.max()) + 20,
    )


def make_site(folder: str, **config: Any) -> Site:
    """Return a site on SQLite and the model that ships, with undecorated views to compare with."""
    store = stores.from_url(f"sqlite:///{Path(folder) / 'bench.sqlite'}", instance_path=folder)
    site = build_app(Clock(), FixedScorer(), store, ZEROTRUST_TOKEN_S=86_400.0, **config)
    site.app.extensions["zerotrust"].scorer = scoring.load_bundle()
    site.app.testing = False

    @site.app.post("/bare")
    def bare() -> tuple[str, int]:
        session.get("_user_id")
        request.get_data()
        return "", 204

    @site.app.get("/plain")
    def plain() -> str:
        session.get("_user_id")
        return "the secret"

    return site


def sender(visitor: Visitor, token: str, n: int, strokes: int) -> Callable[[], Any]:
    """Return a job that posts a batch of n events under its own sequence number."""
    batch = movement(n, strokes)
    planes = events.encode_planes(batch, t0_ms=0)
    data = json.loads(visitor.body(1, token=token, planes=planes, sent=batch.sent_ms))
    first = data["seq"] + 1_000_000 * strokes
    numbers = iter(range(first, first + 1_000_000))

    def send() -> Any:
        visitor.site.clock.tick(PACE_S)
        return visitor.send(json.dumps({**data, "seq": next(numbers)}))

    return send


def measure(site: Site, repeats: int) -> dict[str, float]:
    """Return the median CPU time of every job in microseconds, and the ratios of the targets."""
    ada = site.visitor().login()
    token = ada.token()
    sample = ada.body(1, token=token, planes=events.encode_planes(movement(600, 10), t0_ms=0))
    eve = site.visitor().login("eve").step_up()
    jobs: dict[str, Callable[[], Any]] = {
        "bare": lambda: ada.fetch("/bare", "POST", data=sample, content_type="application/json"),
        "collector": sender(ada, token, 600, 10),
        "collector_2000": sender(ada, token, 2_000, 33),
    }
    found = medians(jobs, repeats)
    pages = {"plain": lambda: eve.open("/plain"), "guarded": lambda: eve.open("/secret")}
    site.clock.now = eve.entry()["t"] + 1
    found |= medians(pages, repeats)
    return {
        **{f"{name}_us": round(value * 1e6, 1) for name, value in found.items()},
        "collector / bare session POST, 600 events": round(found["collector"] / found["bare"], 2),
        "collector / bare session POST, 2,000 events": round(found["collector_2000"] / found["bare"], 2),
        "collector, 2,000 / 600 events": round(found["collector_2000"] / found["collector"], 2),
        "guarded / undecorated view": round(found["guarded"] / found["plain"], 2),
    }


def medians(jobs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Run the jobs in turn; every answer is checked, outside the time that counts."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            before = time.process_time()
            answer = job()
            taken[name].append(time.process_time() - before)
            assert answer.status_code == CHECKED[name], answer.text
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(make_site(folder), args.repeats)
    print(
        json.dumps(found, indent=1)
        if args.json
        else "\n".join(f"{k:46s}{v:10.2f}" for k, v in found.items())
    )


if __name__ == "__main__":
    main()
