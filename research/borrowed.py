"""Movement taken from recordings: replays and morphs, which only a memory can tell from people.

They carry no label: a person did move like that, so a motion model must not learn them as bots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from flask_zerotrust.recordings.files import Recording
from flask_zerotrust.simulate.reaches import log_uniform
from flask_zerotrust.simulate.shapes import Floats, gradient_noise
from flask_zerotrust.simulate.visits import known

Rng = np.random.Generator
#: Changes times and places, shape (3, n).
Morph = Callable[[Floats, Rng], Floats]


def replays(recordings: Iterable[Recording], *, rng: Rng) -> Iterator[Recording]:
    """Yield every recording played again: at its own times, from another start, shifted as a whole."""
    for recording in recordings:
        yield _made_over(recording, _shifted, "replay", rng)


def morphs(
    recordings: Iterable[Recording], *, rng: Rng, kinds: Sequence[str] | None = None
) -> Iterator[Recording]:
    """Yield every recording made over in one way, drawn from ``kinds`` (all of :data:`MORPHS`).

    The source becomes ``morph-KIND``; session and user stay those of the original.

    Raises
    ------
    ConfigError
        For a kind that does not exist.
    """
    names = known(kinds, MORPHS, "kind of morph")
    for recording in recordings:
        name = names[int(rng.integers(len(names)))]
        yield _made_over(recording, MORPHS[name], f"morph-{name}", rng)


def _made_over(recording: Recording, morph: Morph, source: str, rng: Rng) -> Recording:
    planes = np.stack([recording.t, recording.x, recording.y])
    t, x, y = morph(planes, rng) if planes.size else planes
    t = np.maximum.accumulate(t)
    return replace(
        recording,
        session=f"{source}-{recording.session}",
        label=None,
        source=source,
        t=np.round(t - min(0.0, float(t.min(initial=0.0))), 3),
        x=np.round(x, 3),
        y=np.round(y, 3),
    )


def _shifted(planes: Floats, rng: Rng) -> Floats:
    start_ms, dx, dy = rng.uniform(0.0, 3_000.0), *np.round(rng.uniform(-200.0, 200.0, 2))
    moved: Floats = planes + np.array([[start_ms - planes[0, 0]], [dx], [dy]])
    return moved


def _scaled(planes: Floats, rng: Rng) -> Floats:
    return _about_middle(planes, np.eye(2) * log_uniform(rng, 0.6, 1.6))


def _rotated(planes: Floats, rng: Rng) -> Floats:
    angle = rng.uniform(-0.6, 0.6)
    cos, sin = np.cos(angle), np.sin(angle)
    return _about_middle(planes, np.array([[cos, -sin], [sin, cos]]))


def _mirrored(planes: Floats, rng: Rng) -> Floats:
    left, up = [(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)][int(rng.integers(3))]
    return _about_middle(planes, np.diag([left, up]))


def _about_middle(planes: Floats, matrix: Floats) -> Floats:
    middle = np.median(planes[1:], axis=1, keepdims=True)
    return np.vstack([planes[:1], middle + matrix @ (planes[1:] - middle)])


def _time_scaled(planes: Floats, rng: Rng) -> Floats:
    scaled: Floats = planes * np.array([[log_uniform(rng, 0.7, 1.5)], [1.0], [1.0]])
    return scaled


def _jittered(planes: Floats, rng: Rng) -> Floats:
    px, ms = log_uniform(rng, 0.5, 3.0), log_uniform(rng, 1.0, 6.0)
    shaken: Floats = planes + np.array([[ms], [px], [px]]) * rng.normal(0.0, 1.0, planes.shape)
    return shaken


def _smoothed(planes: Floats, rng: Rng) -> Floats:
    """Average over neighbouring events; positions go on through pauses, so no event is a stranger."""
    half = int(rng.integers(1, 4))
    kernel = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(planes[1:], ((0, 0), (half, half)), mode="edge")
    smooth = [np.convolve(plane, kernel / kernel.sum(), mode="valid") for plane in padded]
    return np.vstack([planes[:1], *smooth])


def _warped(planes: Floats, rng: Rng) -> Floats:
    """Run the clock faster here and slower there, by smooth noise of one to five bends a second."""
    hz, strength = rng.uniform(1.0, 5.0), rng.uniform(0.2, 0.7)
    t = planes[0]
    pace = np.exp(strength * gradient_noise((t - t[0]) / 1_000.0 * hz, 2, rng))
    warped = t[0] + np.concatenate([[0.0], np.cumsum(np.diff(t) * (pace[1:] + pace[:-1]) / 2.0)])
    return np.vstack([warped, planes[1:]])


#: Every way in which :func:`morphs` makes a recording over.
MORPHS: dict[str, Morph] = {
    "translate": _shifted,
    "scale": _scaled,
    "rotate": _rotated,
    "mirror": _mirrored,
    "time_scale": _time_scaled,
    "jitter": _jittered,
    "smooth": _smoothed,
    "warp": _warped,
}
