"""The simulated browser: events of a movement as any page would get them.

People were recorded through sensors, screens and clocks that generators never met. Whatever tells the
two apart natively is mostly that. So both go through the same two steps: a common base (the plain
60 Hz, whole-pixel recording that most people's data is), then a device drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust.recordings.batching import batches as batches
from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.rough import Rough, bent, delivered, on_lattice

Floats = NDArray[np.float64]

# Frame of the screens on which most people's data was recorded (SapiMouse: 16-17 ms), in ms.
_FRAME_MS = 1_000.0 / 60.0
# A source that reports more often than this was not recorded frame by frame, in ms.
_DENSE_MS = 12.0
# Longer waits are no sampling interval but rest, in ms (the pause that ends a stroke).
_REST_MS = 150.0
# The pointer rests between two reports further apart than this many usual ones, and at least so long
# (three frames), in ms. It moved only in the last of them.
_HELD_STEPS = 2.5
_HELD_MS = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Mouse, screen, zoom and clock of one visitor.

    Attributes
    ----------
    refresh_hz : float
        Frames a second: without ``coalesced`` the page sees one move a frame.
    sensor_hz : float
        Reports a second of the mouse.
    coalesced : bool
        The page reads every report between two frames.
    fractional : bool
        Positions keep the fraction that zoom gives them. Otherwise whole CSS px.
    zoom : float
        Device px per CSS px.
    timer_ms : float
        Step of the browser's clock.
    frame_stamps : bool
        Moves carry the time of their frame. Otherwise that of the mouse's last report in it.
    dropped : float
        Share of moves that never arrive.
    speed : float
        Pointer speed: factor on every distance, viewport included.
    base_ms : float
        Step of the common base. Above the usual 17 the visitor sits behind a slow remote desktop.
    smooth : bool
        Between two reports of the base the pointer follows a cubic, not a straight line.
    rough : Rough
        Other bad conditions of the capture. None, unless drawn by :meth:`draw_rough`.
    """

    refresh_hz: float = 60.0
    sensor_hz: float = 125.0
    coalesced: bool = False
    fractional: bool = False
    zoom: float = 1.0
    timer_ms: float = 0.1
    frame_stamps: bool = True
    dropped: float = 0.0
    speed: float = 1.0
    base_ms: float = 17.0
    smooth: bool = True
    rough: Rough = field(default_factory=Rough)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Device:
        """Draw one of the devices that visit web pages. The shares are rough and wide on purpose."""
        return cls(
            # 50, 75 and 100 Hz beat hardest against a mouse of 125 Hz: every fourth step is a double one.
            refresh_hz=_pick(rng, {60.0: 8, 50.0: 1, 75.0: 2, 100.0: 4, 120.0: 2, 144.0: 2}),
            sensor_hz=_pick(rng, {125.0: 5, 250.0: 1, 500.0: 1, 1_000.0: 2}),
            coalesced=bool(rng.random() < 0.5),
            fractional=bool(rng.random() < 0.5),
            zoom=_pick(rng, {1.0: 6, 1.25: 2, 1.5: 2, 2.0: 2, 0.9: 1, 0.8: 1}),
            timer_ms=_pick(rng, {0.1: 6, 1.0: 3, 1_000.0 / 60.0: 1}),
            frame_stamps=bool(rng.random() < 0.5),
            dropped=_pick(rng, {0.0: 4, 0.005: 2, 0.02: 1, 0.05: 1}),
            speed=float(np.exp(rng.normal(0.0, 0.25))),
            base_ms=_pick(rng, {17.0: 16, 25.0: 1, 34.0: 1, 60.0: 1, 110.0: 1}),
            smooth=bool(rng.random() < 0.7),
        )

    @classmethod
    def draw_beating(cls, rng: np.random.Generator) -> Device:
        """Draw a device whose page polls at a rate close to the mouse's: steps come single and double.

        Desktop recorders that poll every 10 ms see a mouse of 125 Hz like that, and so do screens of
        75 to 120 Hz.
        """
        return replace(
            cls.draw(rng),
            refresh_hz=_pick(
                rng, {50.0: 1, 62.5: 1, 75.0: 2, 80.0: 1, 90.0: 1, 100.0: 6, 110.0: 1, 120.0: 1}
            ),
            sensor_hz=_pick(rng, {125.0: 8, 133.0: 1, 90.0: 1, 75.0: 1}),
            coalesced=False,
            frame_stamps=True,
            base_ms=17.0,
            timer_ms=_pick(rng, {0.1: 3, 1.0: 1}),
        )

    @classmethod
    def draw_rough(cls, rng: np.random.Generator) -> Device:
        """Draw a device under bad conditions: a busy machine, a remote desktop, a coarse grid."""
        return replace(cls.draw(rng), base_ms=17.0, rough=Rough.draw(rng))


def render(recording: Recording, *, rng: np.random.Generator, device: Device | None = None) -> Recording:
    """Return the recording as a browser would have captured it. A device is drawn unless given.

    Order, times and kinds of presses, wheel and keys stay (to the clock's step). Moves are new.
    """
    device = Device.draw(rng) if device is None else device
    letters = _letters(recording.type)
    placed = np.flatnonzero(~np.isin(letters, _letters("kK")))
    if placed.size == 0:
        return replace(recording, t=_clock(recording.t, device))
    base, _ = _based(recording, letters, placed, device, rng)
    x, y = bent(base.t, base.x, base.y, device.rough)
    base = replace(base, x=x, y=y)
    knots = _rested(base)
    moves = _told(_reports(knots, base, device, rng), recording.t[letters != ord("m")], device, rng)
    return _merged(recording, letters, knots, moves, device)


def record(recording: Recording, *, rng: np.random.Generator) -> Recording:
    """Return the common base alone, as the page by which most people were recorded would have kept it.

    One report a frame at 60 Hz, whole px, whole ms. Sources that report no faster stay as they are.
    """
    letters = _letters(recording.type)
    placed = np.flatnonzero(~np.isin(letters, _letters("kK")))
    base, stored = _based(recording, letters, placed, Device(base_ms=0.0), rng)
    return replace(
        recording, t=base.t, x=base.x, y=base.y, type=letters[placed[stored]].tobytes().decode("ascii")
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Where the pointer was: times strictly ascending. ``left``: outside the window from then on."""

    t: Floats
    x: Floats
    y: Floats
    left: NDArray[np.bool_]


def _pick(rng: np.random.Generator, shares: dict[float, int]) -> float:
    weights = np.array(list(shares.values()), dtype=np.float64)
    return float(rng.choice(list(shares), p=weights / weights.sum()))


def _letters(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("ascii"), dtype=np.uint8)


def _step(t: Floats, usual: float) -> float:
    """Return the usual time between two reports of a pointer in motion."""
    steps = np.diff(t)
    steps = steps[(steps > 0) & (steps <= _REST_MS)]
    return float(np.median(steps)) if steps.size else usual


def _based(
    recording: Recording,
    letters: NDArray[np.uint8],
    placed: NDArray[np.intp],
    device: Device,
    rng: np.random.Generator,
) -> tuple[_Path, NDArray[np.bool_]]:
    """Bring any source to the form of most people's data: a report a frame, whole px and whole ms.

    Also returns which of the ``placed`` events are left.
    """
    t, letter = recording.t[placed].copy(), letters[placed]
    move = np.flatnonzero(letter == ord("m"))
    if _step(t[move], _FRAME_MS) < _DENSE_MS:
        t[move] = _framed(t, move, letter, rng)
    t = np.maximum.accumulate(np.round(t))
    keep = np.ones(t.size, dtype=np.bool_)
    keep[move] = _thinned(t[move], device.base_ms)
    keep[:-1] &= ~_overtaken(t, keep)
    x, y = (np.floor(v[placed] + 0.5) for v in (recording.x, recording.y))
    return _Path(t[keep], x[keep], y[keep], letter[keep] == ord("l")), keep


def _framed(
    t: Floats, move: NDArray[np.intp], letter: NDArray[np.uint8], rng: np.random.Generator
) -> Floats:
    """Return when a mouse and then a screen would have reported these moves.

    A frame shows the mouse's last report before it, so the step of the mouse beats with that of the
    screen. People's data is full of that beat and generated paths must have it too.
    """
    sensor_ms = 1_000.0 / _pick(rng, {125.0: 3, 250.0: 1, 500.0: 1, 1_000.0: 1})
    emitted = t[move]
    for step in (sensor_ms, _FRAME_MS):
        phase = rng.uniform(0.0, step)
        emitted = np.ceil((emitted - phase) / step) * step + phase
    other = np.flatnonzero(letter != ord("m"))
    until = np.append(t[other], np.inf)[np.searchsorted(other, move)]
    framed: Floats = np.minimum(emitted, until)
    return framed


def _thinned(t: Floats, base_ms: float) -> NDArray[np.bool_]:
    """Return which moves remain when a report comes every ``base_ms`` and tells the last place."""
    keep = np.zeros(t.size, dtype=np.bool_)
    reach = (np.searchsorted(t, t + base_ms, side="right") - 1).tolist()
    i, n = 0, t.size
    while i < n:
        keep[i] = True
        i = max(reach[i], i + 1)
    return keep


def _overtaken(t: Floats, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which kept events share their time with a later kept one (all but the last event)."""
    stored = np.flatnonzero(keep)
    overtaken = np.zeros(max(t.size - 1, 0), dtype=np.bool_)
    overtaken[stored[:-1][np.diff(t[stored]) <= 0]] = True
    return overtaken


def _rested(base: _Path) -> _Path:
    """Return the path with the rests in it: after a long wait the pointer starts late, not slowly."""
    step = _step(base.t, _FRAME_MS)
    wait = np.diff(base.t)
    rest = np.flatnonzero(wait > max(_HELD_MS, _HELD_STEPS * step))
    at = rest + 1
    return _Path(
        np.insert(base.t, at, base.t[at] - np.minimum(step, wait[rest] / 2.0)),
        np.insert(base.x, at, base.x[rest]),
        np.insert(base.y, at, base.y[rest]),
        np.insert(base.left, at, base.left[rest]),
    )


def _reports(knots: _Path, base: _Path, device: Device, rng: np.random.Generator) -> Floats:
    """Return the times and places of the moves, shape (3, n), that the page sees of a path."""
    if knots.t.size < 2:
        return np.stack([knots.t, knots.x, knots.y])[:, :0]
    t = _ticks(knots, device, rng)
    t = t[~_outside(t, base)]
    x, y = _at(knots, t, device)
    if not device.coalesced:
        frame_ms = 1_000.0 / device.refresh_hz
        phase = rng.uniform(0.0, frame_ms)
        frame = np.ceil((t - phase) / frame_ms)
        last = np.append(np.diff(frame) > 0, True)[: t.size]
        t, x, y, frame = t[last], x[last], y[last], frame[last]
        t = frame * frame_ms + phase if device.frame_stamps else t
    arrived = rng.random(t.size) >= device.dropped
    return np.stack([t, x, y])[:, arrived]


def _told(moves: Floats, floats: Floats, device: Device, rng: np.random.Generator) -> Floats:
    """Return the moves that a page gets, when it gets them: none later than a press that followed it."""
    until = np.append(floats, np.inf)[np.searchsorted(floats, moves[0])]
    t, stored = delivered(moves[0], until, device.rough, rng=rng)
    return np.stack([t, moves[1], moves[2]])[:, stored]


def _ticks(knots: _Path, device: Device, rng: np.random.Generator) -> Floats:
    """Return when the mouse reports: on its own beat, while the pointer moves and once after."""
    step = 1_000.0 / device.sensor_hz
    phase = rng.uniform(0.0, step)
    moving = (np.diff(knots.x) != 0) | (np.diff(knots.y) != 0)
    edge = np.floor((knots.t - phase) / step)
    first, last = edge[:-1][moving] + 1, edge[1:][moving] + 1
    count = (last - first + 1).astype(np.int64)
    start = np.repeat(first - np.cumsum(count) + count, count)
    beat = np.unique(start + np.arange(int(count.sum())))
    # A mouse is not a clock: its reports come up to a tenth of a step early or late.
    ticks: Floats = phase + step * (beat + rng.uniform(-0.1, 0.1, beat.size))
    return ticks


def _outside(t: Floats, base: _Path) -> NDArray[np.bool_]:
    here = np.clip(np.searchsorted(base.t, t, side="right") - 1, 0, base.t.size - 1)
    outside: NDArray[np.bool_] = base.left[here] & (here < base.t.size - 1)
    return outside


def _at(path: _Path, t: Floats, device: Device) -> tuple[Floats, Floats]:
    """Return where the page sees the pointer: on the screen's pixel grid, in CSS px."""
    here = np.clip(np.searchsorted(path.t, t, side="right") - 1, 0, max(path.t.size - 2, 0))
    # One array for x and one for y: mypy does not count the values of a generator.
    return tuple(
        on_lattice(_seen(_between(path.t, v, t, here, smooth=device.smooth), device), px)
        for v, px in zip((path.x, path.y), device.rough.lattice_px, strict=True)
    )  # type: ignore[return-value]


def _between(knots: Floats, values: Floats, t: Floats, here: NDArray[np.intp], *, smooth: bool) -> Floats:
    """Interpolate between knots: straight, or a cubic Hermite (Catmull-Rom) that rests at rests."""
    if knots.size < 2:
        return np.full(t.size, values[0])
    width, rise = np.diff(knots), np.diff(values)
    u = np.clip((t - knots[here]) / width[here], 0.0, 1.0)
    if not smooth:
        straight: Floats = values[here] + u * rise[here]
        return straight
    slope = rise / width
    tangent = np.zeros(knots.size)
    inner = (slope[:-1] * width[1:] + slope[1:] * width[:-1]) / (width[1:] + width[:-1])
    tangent[1:-1] = np.where((slope[:-1] == 0) | (slope[1:] == 0), 0.0, inner)
    a, b = tangent[here] * width[here], tangent[here + 1] * width[here]
    bent: Floats = (
        values[here] + u * u * (3.0 - 2.0 * u) * rise[here] + u * (1.0 - u) ** 2 * a - u * u * (1.0 - u) * b
    )
    return bent


def _seen(values: Floats, device: Device) -> Floats:
    """Return CSS px as the page reads them from a pointer on whole device px."""
    css = np.floor(values * device.speed * device.zoom + 0.5) / device.zoom
    return css if device.fractional else np.floor(css + 1e-9)


def _clock(t: Floats, device: Device) -> Floats:
    """Return times as the browser's clock tells them, to 0.1 ms at best."""
    reported: Floats = np.round(np.floor(t / device.timer_ms + 1e-6) * device.timer_ms, 1)
    return reported


def _merged(
    recording: Recording, letters: NDArray[np.uint8], knots: _Path, moves: Floats, device: Device
) -> Recording:
    """Join the new moves and the old other events. The pointer has arrived when a button moves."""
    other = np.flatnonzero(letters != ord("m"))
    t_other = recording.t[other]
    x, y = _at(knots, t_other, device)
    arrival = np.isin(letters[other], _letters("duw"))
    t = np.concatenate([moves[0], t_other[arrival], t_other])
    order = np.argsort(t, kind="stable")
    letter = np.concatenate(
        [np.full(moves.shape[1] + int(arrival.sum()), ord("m"), np.uint8), letters[other]]
    )[order]
    x = np.concatenate([moves[1], x[arrival], x])[order]
    y = np.concatenate([moves[2], y[arrival], y])[order]
    keep = _moved(letter, x, y)
    return replace(
        recording,
        viewport=(round(recording.viewport[0] * device.speed), round(recording.viewport[1] * device.speed)),
        t=_clock(t[order], device)[keep],
        x=np.round(x[keep], 3),
        y=np.round(y[keep], 3),
        type=letter[keep].tobytes().decode("ascii"),
    )


def _moved(letter: NDArray[np.uint8], x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Return which events a browser fires: no move that stays where the pointer is."""
    keep = np.ones(letter.size, dtype=np.bool_)
    keep[1:] = (letter[1:] != ord("m")) | (np.diff(x) != 0) | (np.diff(y) != 0)
    return keep
