"""What one would write first: a collector of JSON objects, statistics stroke by stroke, scikit-learn."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from flask import Flask, request, session
from numpy.typing import NDArray

from flask_zerotrust import movement
from flask_zerotrust.movement import wire

Floats = NDArray[np.float64]
_QUANTILES = (5, 10, 25, 50, 75, 90, 95)


def features(strokes: movement.Strokes) -> Floats:
    """Return statistics of every stroke, one after the other, shape (n, 72)."""
    rows = []
    for first, last in zip(strokes.offsets[:-1], strokes.offsets[1:], strict=True):
        t, x, y = (v[first:last] for v in (strokes.t_ms, strokes.x, strokes.y))
        rows.append(_of_stroke(t, x, y))
    return np.array(rows)


def _of_stroke(t: Floats, x: Floats, y: Floats) -> list[float]:
    vx, vy = np.gradient(x, t), np.gradient(y, t)
    ax, ay = np.gradient(vx, t), np.gradient(vy, t)
    speed = np.hypot(vx, vy)
    path = np.cumsum(np.hypot(np.diff(x), np.diff(y)))
    heading = np.unwrap(np.arctan2(vy, vx))
    bend = np.gradient(heading, t)
    series = (speed, np.hypot(ax, ay), np.gradient(np.hypot(ax, ay), t), bend, heading, np.abs(bend))
    found = [value for one in series for value in _statistics(one)]
    spectrum = np.abs(np.fft.rfft(speed - speed.mean())) ** 2
    found += [spectrum[a:b].sum() / spectrum.sum() for a, b in ((1, 2), (2, 4), (4, 8), (8, None))]
    chord = np.hypot(x[-1] - x[0], y[-1] - y[0])
    return [*found, chord / path[-1], float(t[-1] - t[0])]


def _statistics(values: Floats) -> list[float]:
    centred = values - np.mean(values)
    sd = np.std(values) + 1e-9
    return [
        np.mean(values),
        sd,
        np.mean(centred**3) / sd**3,
        np.max(values),
        *(np.percentile(values, q) for q in _QUANTILES),
    ]


def app(model: Any) -> Flask:
    """Return an app whose collector parses, measures and scores; it checks and stores nothing."""
    made = Flask("naive")
    made.config.update(SECRET_KEY="first-key")

    @made.post("/naive")
    def collect() -> tuple[str, int]:
        session.get("_user_id")
        data = request.get_json()["events"]
        columns = np.array([[e["t"], e["x"], e["y"]] for e in data], np.float64).T
        model.predict_proba(_as_wide(features(_strokes(*columns)), model.n_features_in_))
        return "", 204

    return made


def body(batch: wire.EventBatch) -> str:
    """Return a batch as JSON objects, one an event."""
    moved = zip(batch.t_ms.tolist(), batch.x.tolist(), batch.y.tolist(), strict=True)
    return json.dumps({"events": [{"type": "move", "t": t, "x": x, "y": y} for t, x, y in moved]})


def sender(client: Any, batch: wire.EventBatch) -> Callable[[], Any]:
    """Return a job that posts a batch to it."""
    data = body(batch)
    return lambda: client.post("/naive", data=data, content_type="application/json")


def _strokes(t: Floats, x: Floats, y: Floats) -> movement.Strokes:
    cuts = np.flatnonzero(np.diff(t) > 150) + 1
    return movement.Strokes(t, x, y, np.array([0, *cuts, t.size]))


def _as_wide(rows: Floats, width: int) -> Floats:
    """Return rows as wide as the model wants them; what is in them does not matter to its speed."""
    return np.resize(rows, (len(rows), width))
