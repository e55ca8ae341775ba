"""A visit: targets, reaches, pauses, clicks and wheel, whoever makes the reaches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from flask_zerotrust.errors import ConfigError
from flask_zerotrust.recordings.files import Label, Recording
from flask_zerotrust.simulate.reaches import Maker, Reach, log_uniform
from flask_zerotrust.simulate.shapes import Floats

VIEWPORTS = ((1920, 969), (1536, 730), (1366, 657), (1440, 789), (2560, 1297), (1280, 720), (1280, 800))
# A button is never nearer to the edge of the window than this, in px.
_EDGE_PX = 12.0

Milliseconds = Callable[[np.random.Generator], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Common traits of the reaches of one visit. ``pause``, ``before_press`` and ``dwell`` in ms."""

    viewport: tuple[int, int]
    strokes: int
    width_px: Callable[[np.random.Generator], float]
    spots: Floats | None
    local_px: float | None
    centred: float
    pause: Milliseconds
    before_press: Milliseconds
    dwell: Milliseconds
    clicks: float
    wheels: float
    whole: bool


def habits(rng: np.random.Generator, *, strokes: int | None = None) -> Habits:
    """Draw the habits of a program's visit, wide: fixed or varied, hurried or slow."""
    viewport = VIEWPORTS[int(rng.integers(len(VIEWPORTS)))]
    inside = np.array(viewport) - 2 * _EDGE_PX
    small = log_uniform(rng, 8.0, 60.0)
    large = small * log_uniform(rng, 1.0, 5.0)
    spots = _EDGE_PX + rng.random((int(rng.integers(3, 9)), 2)) * inside if rng.random() < 0.25 else None
    return Habits(
        viewport=viewport,
        strokes=int(rng.integers(20, 31)) if strokes is None else strokes,
        width_px=lambda rng: log_uniform(rng, small, large),
        spots=spots,
        local_px=log_uniform(rng, 150.0, 700.0) if rng.random() < 0.3 else None,
        centred=float(rng.choice([0.0, rng.uniform(0.0, 0.5)])),
        pause=_wait(rng, 160.0, 2_500.0),
        before_press=_wait(rng, 1.0, 300.0),
        dwell=_wait(rng, 0.5, 150.0),
        clicks=float(rng.choice([0.0, 1.0, rng.random()])),
        wheels=float(rng.choice([0.0, 0.0, rng.uniform(0.0, 0.3)])),
        whole=bool(rng.random() < 0.6),
    )


def visit(
    maker: Maker,
    habits: Habits,
    *,
    session: str,
    label: Label | None,
    source: str,
    rng: np.random.Generator,
) -> Recording:
    """Return a recording of a maker at work: reach, perhaps press, perhaps turn the wheel, rest."""
    width, height = habits.viewport
    here = (rng.uniform(0.0, width), rng.uniform(0.0, height))
    now = float(rng.uniform(50.0, 3_000.0))
    planes: list[Floats] = []
    letters: list[str] = []
    for _ in range(habits.strokes):
        reach = _next_reach(here, habits, rng)
        trace = maker(reach, rng)
        here = (float(trace[1, -1]), float(trace[2, -1]))
        planes.append(trace + np.array([[now], [0.0], [0.0]]))
        letters.append("m" * trace.shape[1])
        now += float(trace[0, -1])
        after, kinds = _after(habits, rng)
        planes.append(np.stack([now + after, np.full(after.size, here[0]), np.full(after.size, here[1])]))
        letters.append(kinds)
        now += float(after.max(initial=0.0)) + habits.pause(rng)
    t, x, y = np.concatenate(planes, axis=1)
    digits = 0 if habits.whole else 3
    return Recording(
        session=session,
        user=None,
        label=label,
        source=source,
        pointer="mouse",
        viewport=habits.viewport,
        t=np.maximum.accumulate(np.round(t, 1)),
        x=np.round(x, digits),
        y=np.round(y, digits),
        type="".join(letters),
    )


def _wait(rng: np.random.Generator, low: float, high: float) -> Milliseconds:
    """Draw a habit of waiting: always the same, from a range, or log-normal."""
    typical, style = log_uniform(rng, low, high), int(rng.integers(3))
    if style == 0:
        return lambda _: typical
    if style == 1:
        spread = rng.uniform(1.0, 3.0)
        return lambda rng: float(rng.uniform(typical, spread * typical))
    sigma = rng.uniform(0.2, 0.8)
    return lambda rng: float(max(low, typical * np.exp(rng.normal(0.0, sigma))))


def _next_reach(here: tuple[float, float], habits: Habits, rng: np.random.Generator) -> Reach:
    """Pick the next target: anywhere, one of a few spots, or nearby. At least 30 px away if it can be."""
    width_px = habits.width_px(rng)
    best = here
    for _ in range(6):
        best = _spot(here, habits, rng)
        if np.hypot(best[0] - here[0], best[1] - here[1]) >= 30.0:
            break
    spread = habits.centred * width_px
    x, y = best[0] + rng.normal(0.0, 1.0) * spread * 0.5, best[1] + rng.normal(0.0, 1.0) * spread * 0.3
    return Reach(here, (_inside(x, habits.viewport[0]), _inside(y, habits.viewport[1])), width_px)


def _spot(here: tuple[float, float], habits: Habits, rng: np.random.Generator) -> tuple[float, float]:
    if habits.spots is not None:
        x, y = habits.spots[int(rng.integers(len(habits.spots)))]
        return float(x), float(y)
    if habits.local_px is not None:
        x, y = np.array(here) + rng.normal(0.0, habits.local_px, 2)
        return _inside(float(x), habits.viewport[0]), _inside(float(y), habits.viewport[1])
    x, y = rng.uniform(_EDGE_PX, np.array(habits.viewport) - _EDGE_PX)
    return float(x), float(y)


def _inside(value: float, size: int) -> float:
    return float(min(max(value, _EDGE_PX), size - _EDGE_PX))


def _after(habits: Habits, rng: np.random.Generator) -> tuple[Floats, str]:
    """Return times after arrival and letters of events after a reach: a click, the wheel or nothing."""
    if rng.random() < habits.clicks:
        press = habits.before_press(rng)
        return np.array([press, press + habits.dwell(rng)]), "du"
    if rng.random() < habits.wheels:
        notches = int(rng.integers(1, 9))
        return np.cumsum(rng.uniform(15.0, 160.0, notches)) + 200.0, "w" * notches
    return np.empty(0), ""


def known(wanted: Sequence[str] | None, there: Collection[str], what: str) -> list[str]:
    """Return the wanted names, or all that there are.

    Raises
    ------
    ConfigError
        For a name that there is not, or for none at all.
    """
    names = list(there) if wanted is None else list(wanted)
    unknown = [name for name in names if name not in there]
    if unknown or not names:
        raise ConfigError(f"{(unknown or ['(none)'])[0]} is no {what}; there are {', '.join(there)}.")
    return names


def named(families: Sequence[str], n: int) -> list[str]:
    """Deal n visits over families, in turn."""
    return [families[i % len(families)] for i in range(n)]
